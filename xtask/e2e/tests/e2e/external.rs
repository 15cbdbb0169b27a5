//! Data services that somebody else runs: the stack has no containers for them, and reaches them by secret addresses.

use std::time::Duration;

use anyhow::ensure;

use crate::harness::checkout::Checkout;
use crate::harness::{Stack, alone, eventually};
use crate::start::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

/// Containers of the shared stack in another stack's network, as if they were on the internet; they leave when this goes.
struct Elsewhere<'a> {
    shared: &'a Stack,
    network: String,
}

const SERVICES: [&str; 2] = ["db", "redis"];

impl<'a> Elsewhere<'a> {
    /// Waits until there is the network, and brings them in: each is `elsewhere-<service>` there.
    async fn join(shared: &'a Stack, network: String) -> Self {
        eventually("there is the network", PATIENCE, || async {
            ensure!(shared.docker(&["network", "inspect", &network]).code == 0, "{network} is not there");
            Ok(())
        })
        .await;
        for service in SERVICES {
            let alias = format!("elsewhere-{service}");
            shared.docker(&["network", "connect", "--alias", &alias, &network, &shared.container(service)]).good();
        }
        Self { shared, network }
    }
}

impl Drop for Elsewhere<'_> {
    fn drop(&mut self) {
        for service in SERVICES {
            self.shared.docker(&["network", "disconnect", "--force", &self.network, &self.shared.container(service)]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_services_of_somebody_else_are_used_and_none_started() {
    // Its data services are in one network more meanwhile.
    let (shared, _turn) = alone().await;
    let checkout = Checkout::new(&shared, "external", &["worker"], free_port());
    let mut stack = checkout.stack.clone();
    let infra = std::path::Path::new(&shared.root).join("infra");
    for file in ["compose.external-database.yaml", "compose.external-redis.yaml"] {
        std::fs::copy(infra.join(file), checkout.path("infra").join(file)).unwrap();
    }
    std::fs::write(checkout.path("infra/env/test.override.toml"), "database.mode = \"external\"\nredis.mode = \"external\"\n").unwrap();
    let password = std::fs::read_to_string(infra.join("secrets/test/postgres_password")).unwrap();
    let database = format!("external_{}", stack.instance.replace('-', "_"));
    shared.query(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"));
    shared.query(&format!("CREATE DATABASE {database}"));

    // Nobody but whoever runs them knows where they are.
    let refused = stack.xtask(&["up"]);
    assert!(refused.code == 1 && refused.stderr.contains("the secret `database_url` is missing"), "{refused:?}");
    assert_eq!(checkout.left().containers, [""; 0]);
    let url = format!("postgres://slipway:{}@elsewhere-db:5432/{database}", password.trim());
    stack.xtask_with(&["secrets", "rotate", "database_url"], &url).good();
    stack.xtask_with(&["secrets", "rotate", "redis_url"], "redis://elsewhere-redis:6379/7").good();

    let mut up = stack.xtask_start(&["up"]);
    let elsewhere = Elsewhere::join(&shared, format!("{}_egress", stack.project)).await;
    up.see("http://", PATIENCE).trim().clone_into(&mut stack.url);
    stack.get("/api/v1/health/ready").await.with(200);
    let names: Vec<String> = ["backend", "frontend", "migrate", "proxy", "worker"].map(|service| stack.container(service)).into();
    let mut left = checkout.left().containers;
    left.sort();
    assert_eq!(left, names);
    assert_eq!(shared.query(&format!("SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '{database}'")), ["t"]);
    // The address is in a file, and nowhere else.
    for name in &names {
        let inspected = stack.docker(&["container", "inspect", name]).good().stdout;
        assert!(!inspected.contains("elsewhere-db") && !inspected.contains(password.trim()), "{name}");
    }
    // What is here is backed up, and what is not is said.
    shared.xtask(&["images", "build", "backup"]).good();
    let backup = stack.xtask(&["backup"]).good();
    assert!(["db", "redis"].iter().all(|part| backup.stderr.contains(&format!("`{part}` is run by somebody else"))), "{backup:?}");
    // A network with strangers in it cannot be removed.
    drop(elsewhere);
    stack.xtask(&["down"]).good();
    shared.query(&format!("DROP DATABASE {database} WITH (FORCE)"));
}
