//! The production overlay on one machine: what is refused before it starts, what the network sees of it, where its secrets are not, and new ones while
//! it runs.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::harness::checkout::{Checkout, Left};
use crate::harness::command::Outcome;
use crate::harness::{Stack, eventually, shared};
use crate::start::free_port;

const DOMAIN: &str = "board.example.com";
const PATIENCE: Duration = Duration::from_secs(30);

/// curl in the container of the proxy, which trusts the certificate and knows its name.
fn curl(stack: &Stack, args: &[&str]) -> Outcome {
    let resolve = ["80", "443"].map(|port| format!("{DOMAIN}:{port}:127.0.0.1"));
    let known = ["exec", &stack.container("proxy"), "curl", "--silent", "--max-time", "10", "--cacert", "/run/secrets/tls_certificate"];
    stack.docker(&[&known[..], &["--resolve", &resolve[0], "--resolve", &resolve[1]], args].concat())
}

/// The status line and headers of an answer, in lower case.
fn head(stack: &Stack, args: &[&str]) -> String {
    curl(stack, &[&["--dump-header", "-", "--output", "/dev/null"], args].concat()).good().stdout.to_lowercase()
}

fn secret(checkout: &Checkout, name: &str) -> String {
    std::fs::read_to_string(checkout.path("infra/secrets/test").join(name)).unwrap().trim().to_owned()
}

/// Whether somebody with `password` gets into the database, over the network.
fn opens(stack: &Stack, password: &str) -> bool {
    let variable = format!("PGPASSWORD={password}");
    let psql = ["psql", "--host=db", "--username=slipway", "--dbname=slipway", "--command=SELECT 1"];
    stack.docker(&[&["exec", "--env", &variable, &stack.container("db")], &psql[..]].concat()).code == 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_on_one_machine() {
    let (shared, _turn) = shared().await;
    let port = free_port();
    let checkout = Checkout::production(&shared, "production", port);
    let stack = &checkout.stack;

    // Without secrets nothing is made, not even a network.
    let refused = stack.xtask(&["up", "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("`postgres_password` is missing: infra/secrets/test/postgres_password"), "{refused:?}");
    assert_eq!(checkout.left(), Left::default());

    let made = stack.xtask(&["secrets", "init"]).good();
    assert_eq!(made.stdout, "infra/secrets/test/postgres_password\n");
    assert!(!(made.stdout + &made.stderr).contains(&secret(&checkout, "postgres_password")));
    let asked = stack.xtask(&["up"]);
    assert!(asked.code == 1 && asked.stderr.contains("nobody can be asked"), "{asked:?}");
    let up = stack.xtask(&["up", "--yes"]).good();
    assert_eq!(up.stdout.trim(), format!("https://{DOMAIN}:{}", port + 1));

    // Nobody takes it for another environment's, whatever instance is named.
    std::fs::write(checkout.path("infra/env/other.toml"), "secrets.generate = true\n").unwrap();
    for command in [&["down"][..], &["clean", "--yes"], &["up"], &["status"]] {
        let refused = stack.xtask_as("other", command);
        assert!(
            refused.code == 1 && refused.stderr.contains("belongs to the environment `test`, not to `other`"),
            "{command:?}: {refused:?}"
        );
    }
    encrypted(stack, port);
    assert_eq!(remarks(&shared, stack), serde_json::json!([]));
    hidden(&checkout, port);
    bounded(stack);
    kept_secret(&checkout);
    replaced(&checkout).await;
}

/// What an analyser of nginx configurations has to say about the one that runs in `stack`; `shared` has the analyser.
fn remarks(shared: &Stack, stack: &Stack) -> Value {
    let whole = ["exec", &stack.container("proxy"), "nginx", "-T", "-q", "-c", "/etc/slipway-proxy/nginx.conf", "-e", "stderr"];
    let configuration = stack.docker(&whole).good().stdout;
    assert!(configuration.contains("# configuration file /tmp/site/hosts.conf"), "{configuration}");
    let said = shared.xtask_with(&["shell", "checks", "--", "gixy", "-f", "json", "-"], &configuration);
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[tokio::test]
async fn the_configuration_of_the_proxy_has_no_known_mistake() {
    let (stack, _turn) = shared().await;
    assert_eq!(remarks(&stack, &stack), serde_json::json!([]));
}

/// TLS 1.2 and 1.3, HTTP/2, HSTS, secure cookies; plain HTTP only leads there.
fn encrypted(stack: &Stack, port: u16) {
    let page = head(stack, &[&format!("https://{DOMAIN}/sign-in")]);
    assert!(page.starts_with("http/2 200"), "{page}");
    assert!(page.contains("strict-transport-security: max-age=31536000; includesubdomains"), "{page}");
    let redirect = head(stack, &["--data", "x=1", &format!("http://{DOMAIN}/tasks?page=2")]);
    let expected = format!("location: https://{DOMAIN}:{}/tasks?page=2", port + 1);
    assert!(redirect.starts_with("http/1.1 308") && redirect.contains(&expected), "{redirect}");
    let account = r#"{"email":"bosun@example.org","name":"Bosun","password":"a good long password"}"#;
    let origin = format!("Origin: https://{DOMAIN}");
    let json = ["--header", "Content-Type: application/json", "--header", &origin, "--data", account];
    let signed_up = head(stack, &[&json[..], &[&format!("https://{DOMAIN}/api/v1/users")]].concat());
    assert!(signed_up.starts_with("http/2 201") && signed_up.contains("; secure"), "{signed_up}");
    for (version, works) in [("1.1", false), ("1.2", true), ("1.3", true)] {
        let args = ["--tls-max", version, "--tlsv1.0", "--ciphers", "DEFAULT:@SECLEVEL=0", "--output", "/dev/null"];
        let outcome = curl(stack, &[&args[..], &[&format!("https://{DOMAIN}/health")]].concat());
        assert_eq!(outcome.code == 0, works, "TLS {version}: {outcome:?}");
    }
    // Neither does a request line with an address that is another one than the header's.
    let two = head(stack, &["--proxy", "http://localhost:80", "--header", &format!("Host: {DOMAIN}"), "http://stranger.example/"]);
    assert!(two.contains(" 421") && !two.contains("\nlocation:"), "{two}");
    // Another name gets nothing, encrypted or not.
    for url in ["https://localhost/", "http://localhost/"] {
        let answer = head(stack, &["--insecure", "--header", "Host: stranger.example", url]);
        assert!(answer.contains(" 421"), "{answer}");
    }
}

/// Nothing but the two ports, and nothing of development.
fn hidden(checkout: &Checkout, port: u16) {
    let stack = &checkout.stack;
    let names = checkout.left().containers;
    assert_eq!(names.len(), 7, "{names:?}");
    let mut published = Vec::new();
    for service in ["proxy", "frontend", "backend", "worker", "migrate", "db", "redis"] {
        let container = stack.inspect(service);
        let ports = container["HostConfig"]["PortBindings"].as_object().cloned().unwrap_or_default();
        published.extend(
            ports.into_iter().map(|(inside, bindings)| format!("{service} {inside} {}", bindings[0]["HostPort"].as_str().unwrap())),
        );
        assert!(!container["Config"]["Env"].to_string().contains("RUST_BACKTRACE"), "{service}");
    }
    assert_eq!(published, [format!("proxy 443/tcp {}", port + 1), format!("proxy 80/tcp {port}")]);
    assert!(TcpStream::connect(("127.0.0.1", port + 1)).is_ok());
    for path in ["/_dev/", "/_dev/events", "/_dev/mail/", "/_dev/client.js"] {
        let answer = head(stack, &[&format!("https://{DOMAIN}{path}")]);
        assert!(answer.starts_with("http/2 404"), "{path}: {answer}");
    }
}

/// No root, nothing to write, no capability, limits of everything.
fn bounded(stack: &Stack) {
    for service in ["proxy", "frontend", "backend", "worker", "db", "redis"] {
        let host = &stack.inspect(service)["HostConfig"];
        assert_eq!((&host["ReadonlyRootfs"], &host["CapDrop"]), (&Value::from(true), &serde_json::json!(["ALL"])), "{service}");
        for limit in ["Memory", "MemoryReservation", "NanoCpus", "PidsLimit"] {
            assert!(host[limit].as_u64().is_some_and(|limit| limit > 0), "{service} {limit}: {}", host[limit]);
        }
    }
    for service in ["frontend", "backend"] {
        for program in ["sh", "bash", "/bin/ls"] {
            let run = stack.docker(&["exec", &stack.container(service), program]);
            assert!(matches!(run.code, 126 | 127), "{service} has {program}: {run:?}");
        }
    }
}

/// Whatever people look at, the values are not there.
fn kept_secret(checkout: &Checkout) {
    let stack = &checkout.stack;
    let key = secret(checkout, "tls_key");
    let values = [secret(checkout, "postgres_password"), key.lines().nth(1).unwrap().to_owned()];
    let mut looked = Vec::new();
    let containers = checkout.left().containers;
    for container in &containers {
        looked.push(stack.docker(&["container", "inspect", container]));
        looked.push(stack.docker(&["container", "logs", container]));
        looked.push(stack.docker(&["container", "top", container, "-ef"]));
        let image = stack.docker(&["container", "inspect", "--format", "{{.Image}}", container]).good().stdout;
        looked.push(stack.docker(&["image", "history", "--no-trunc", image.trim()]));
    }
    for command in [
        &["up", "--dry-run", "--verbose"][..],
        &["status", "--json"],
        &["secrets", "list", "--json"],
        &["env", "show", "test"],
        &["secrets", "rotate", "postgres_password", "--dry-run"],
        &["doctor", "--json"],
        &["logs"],
    ] {
        looked.push(stack.xtask(command));
    }
    let everything: String = looked.into_iter().map(|outcome| outcome.stdout + &outcome.stderr).collect();
    assert!(everything.len() > 50_000, "{}", everything.len());
    for value in values {
        assert!(value.len() > 20 && !everything.contains(&value), "a secret is told");
    }
}

/// A new password of the database and a new certificate, without a request that fails.
async fn replaced(checkout: &Checkout) {
    let stack = &checkout.stack;
    let old = secret(checkout, "postgres_password");
    let started = ["backend", "worker", "db", "proxy"].map(|service| stack.inspect(service)["State"]["StartedAt"].clone());
    assert!(opens(stack, &old) && !opens(stack, "not this one"));

    let stop = Arc::new(AtomicBool::new(false));
    let visitor = {
        let (stack, stop) = (stack.clone(), stop.clone());
        tokio::task::spawn_blocking(move || {
            let mut answers = Vec::new();
            let url = format!("https://{DOMAIN}/api/v1/health/ready");
            // The file to trust changes a moment before the proxy does.
            let ask = ["--insecure", "--output", "/dev/null", "--write-out", "%{http_code}", &url];
            while !stop.load(Ordering::Relaxed) {
                answers.push(curl(&stack, &ask).stdout);
            }
            answers
        })
    };
    let asked = stack.xtask(&["secrets", "rotate", "postgres_password"]);
    assert!(asked.code == 1 && asked.stderr.contains("nobody can be asked"), "{asked:?}");
    assert_eq!(secret(checkout, "postgres_password"), old);
    let rotated = stack.xtask(&["secrets", "rotate", "postgres_password", "--yes"]).good();
    let new = secret(checkout, "postgres_password");
    assert!(new != old && !(rotated.stdout + &rotated.stderr).contains(&new));
    assert!(opens(stack, &new) && !opens(stack, &old));
    let fingerprint = |stack: &Stack| {
        let ask = ["--insecure", "--output", "/dev/null", "--write-out", "%{certs}", &format!("https://{DOMAIN}/health")];
        curl(stack, &ask).good().stdout
    };
    let before = fingerprint(stack);
    stack.xtask(&["secrets", "rotate", "tls_certificate", "--yes"]).good();
    eventually("the proxy shows the new certificate", PATIENCE, || async {
        ensure!(fingerprint(stack) != before, "it is the old one");
        Ok(())
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    let answers = visitor.await.unwrap();
    assert!(answers.len() > 3 && answers.iter().all(|answer| answer == "200"), "{answers:?}");
    let after = ["backend", "worker", "db", "proxy"].map(|service| stack.inspect(service)["State"]["StartedAt"].clone());
    assert_eq!(after, started, "nothing was restarted");

    // Connections that are new use the new password: these were all closed by the database.
    stack.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'slipway' AND pid <> pg_backend_pid()");
    eventually("new connections", PATIENCE, || async {
        let ready =
            curl(stack, &["--output", "/dev/null", "--write-out", "%{http_code}", &format!("https://{DOMAIN}/api/v1/health/ready")]);
        ensure!(ready.stdout == "200", "{ready:?}");
        Ok(())
    })
    .await;
}
