//! What is edited beside the programs: dependencies, migrations, the proxy, settings, compose files, and services of other languages.

use anyhow::ensure;

use super::{VERSION, serves};
use crate::harness::eventually;
use crate::harness::workshop::{PATIENCE, Workshop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dependencies_and_migrations_are_there_with_the_save() {
    let mut workshop = Workshop::open().await;
    let image = workshop.stack.inspect("backend")["Image"].clone();

    // A dependency: the manifest, then code that uses it, as people write it; nothing says `cargo`.
    workshop.edit("backend/Cargo.toml", "[dependencies]\n", "[dependencies]\nsemver = \"1\"\n");
    workshop.see("Cargo.toml → built");
    workshop.edit(VERSION, "\"name\": \"backend\"", "\"name\": semver::Version::new(1, 2, 3).to_string()");
    workshop.see("version.rs → built");
    serves(&workshop.stack, "1.2.3").await;
    assert!(workshop.text("Cargo.lock").contains("name = \"semver\""));
    assert_eq!(workshop.stack.inspect("backend")["Image"], image, "no image was built for it");

    // A migration and code that needs it, in one save: the code comes when the table is there.
    let migration = "backend/migrations/20990101000002_log_the_soundings.up.sql";
    workshop.save(migration, "CREATE TABLE soundings (fathoms integer NOT NULL);\nINSERT INTO soundings VALUES (7);\n");
    workshop.see("log_the_soundings.up.sql");
    assert_eq!(workshop.stack.query("SELECT fathoms FROM soundings"), ["7"]);
    workshop.stack.query("DROP TABLE soundings; DELETE FROM _sqlx_migrations WHERE version = 20990101000002");
    std::fs::remove_file(workshop.path(migration)).unwrap();
    workshop.see("log_the_soundings.up.sql → built");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_take_effect_or_are_refused() {
    let mut workshop = Workshop::open().await;
    let environment = "infra/env/test.toml";
    let level = |workshop: &Workshop| workshop.stack.inspect("backend")["Config"]["Env"].to_string();

    // Of the proxy, without a new container.
    let started = workshop.stack.inspect("proxy")["State"]["StartedAt"].clone();
    workshop.edit("proxy/conf/health.conf", "'{\"status\":\"ok\"}\\n'", "'{\"status\":\"shipshape\"}\\n'");
    workshop.see("health.conf → live (proxy)");
    // nginx is told, and takes a moment to start workers that know it.
    eventually("the proxy says it in new words", PATIENCE, || async {
        let health = workshop.stack.get("/health").await.with(200).json();
        ensure!(health["status"] == "shipshape", "{health}");
        Ok(())
    })
    .await;
    assert_eq!(workshop.stack.inspect("proxy")["State"]["StartedAt"], started);

    // Of the environment.
    workshop.edit(environment, "log_level = \"info\"", "log_level = \"loud\"");
    workshop.see("the new settings cannot be used");
    assert!(!level(&workshop).contains("loud"));
    workshop.stack.get("/api/v1/health/ready").await.with(200);
    workshop.edit(environment, "log_level = \"loud\"", "log_level = \"debug\"");
    workshop.see("settings of the stack → live (stack)");
    assert!(level(&workshop).contains("debug"));
    workshop.find();
    workshop.stack.get("/api/v1/health/ready").await.with(200);

    // Of a compose file.
    let compose = "infra/compose.dev.yaml";
    workshop.edit(compose, "      TEMPLATE_RELOAD: \"1\"\n", "      TEMPLATE_RELOAD: \"1\"\n     rigging: [\n");
    workshop.see("the new settings cannot be used");
    workshop.stack.get("/health").await.with(200);
    let others = ["proxy", "backend"].map(|service| workshop.stack.inspect(service)["State"]["StartedAt"].clone());
    workshop.edit(compose, "     rigging: [\n", "      RIGGING: gaff\n");
    workshop.see("settings of the stack → live (stack)");
    assert_eq!(["proxy", "backend"].map(|service| workshop.stack.inspect(service)["State"]["StartedAt"].clone()), others);
    assert!(workshop.stack.inspect("frontend")["Config"]["Env"].to_string().contains("RIGGING=gaff"));

    // The loop goes on with the new containers.
    workshop.find();
    super::rename(&workshop, "under new sails");
    workshop.see("version.rs → built");
    serves(&workshop.stack, "under new sails").await;
}

/// A service that has nothing to do with Rust: a shell that says what its file says.
const CRIER: &str = r#"
  crier:
    image: ${RUNTIME_IMAGE:-debian:trixie-slim}
    init: true
    stop_grace_period: 1s
    command: ["sh", "-c", "while :; do cat /srv/crier/words; read -t 1 _ < /tmp/never || sleep 0.2; done"]
    develop:
      watch:
        - { action: sync, path: ../crier/words, target: /srv/crier/words }
        - { action: sync+restart, path: ../crier/settings, target: /srv/crier/settings, ignore: ["*.bak"] }
        - { action: restart, path: ../crier/again }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_compose_are_followed_for_services_of_any_language() {
    let mut workshop = Workshop::open().await;
    workshop.save("crier/words", "ahoy\n");
    workshop.edit("infra/compose.dev.yaml", "\n  mail:\n", &format!("{CRIER}\n  mail:\n"));
    workshop.see("settings of the stack → live (stack)");
    let started = |workshop: &Workshop| workshop.stack.inspect("crier")["State"]["StartedAt"].as_str().unwrap().to_owned();
    let read = |workshop: &Workshop, path: &str| workshop.stack.docker(&["exec", &workshop.stack.container("crier"), "cat", path]).stdout;

    let first = started(&workshop);
    workshop.save("crier/words", "land in sight\n");
    workshop.see("crier/words → live (crier)");
    workshop.see("land in sight");
    assert_eq!((read(&workshop, "/srv/crier/words").as_str(), started(&workshop)), ("land in sight\n", first.clone()));

    workshop.save("crier/settings/deep/voice", "loud\n");
    workshop.see("crier/settings/deep/voice → live (crier)");
    assert_eq!(read(&workshop, "/srv/crier/settings/deep/voice"), "loud\n");
    let second = started(&workshop);
    assert_ne!(first, second);

    workshop.save("crier/settings/voice.bak", "louder\n");
    workshop.save("crier/again", "1\n");
    workshop.see("crier/again → live (crier)");
    assert_ne!(second, started(&workshop));
    assert_eq!(read(&workshop, "/srv/crier/settings/voice.bak"), "");

    std::fs::remove_file(workshop.path("crier/settings/deep/voice")).unwrap();
    workshop.see("crier/settings/deep/voice → live (crier)");
    eventually("the file is gone", PATIENCE, || async {
        let text = read(&workshop, "/srv/crier/settings/deep/voice");
        ensure!(text.is_empty(), "{text}");
        Ok(())
    })
    .await;
}
