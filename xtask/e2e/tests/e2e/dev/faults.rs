//! Mistakes of every kind, made and mended under load: each is told with its place or its reason, and what was good goes on serving.

use super::load::Load;
use super::{VERSION, number, rename, serves};
use crate::harness::workshop::Workshop;

/// A mistake, and how somebody learns of it.
struct Mistake {
    what: &'static str,
    file: &'static str,
    /// The text in the file that is replaced; a new file where it is empty.
    good: &'static str,
    bad: &'static str,
    /// Lines that `cargo xtask dev` writes about it.
    told: &'static [&'static str],
}

const MISTAKES: [Mistake; 5] = [
    Mistake {
        what: "a type error",
        file: VERSION,
        good: "Json(json!(",
        bad: "let depth: u32 = \"five fathoms\";\n    Json(json!(",
        told: &[
            "error: backend: mismatched types",
            "backend/src/http/version.rs",
            "version.rs → is not live: the programs before it go on",
        ],
    },
    Mistake {
        what: "a panic at start",
        file: "backend/src/main.rs",
        good: "let outcome = match",
        bad: "assert_eq!(std::env::args().count(), 0, \"run aground\");\n    let outcome = match",
        told: &["the new program does not start", "run aground", "main.rs → is not live: the programs before it go on"],
    },
    Mistake {
        what: "a server that never is ready",
        file: "backend/src/http/server.rs",
        good: "    let mut told = None;\n",
        bad: "    supervisor.waits(\"the tide\");\n    std::future::pending::<()>().await;\n    let mut told = None;\n",
        told: &[
            "the new program does not start: was not ready within 15s: the tide",
            "server.rs → is not live: the programs before it go on",
        ],
    },
    Mistake {
        what: "a migration that fails",
        file: "backend/migrations/20990101000001_chart_the_shoals.up.sql",
        good: "",
        bad: "CREATE TABLE shoals (depth integer NOT NULL CHECK (depth > nothing));\n",
        told: &["the migration failed: the programs before it go on", "nothing", "is not live: the programs before it go on"],
    },
    Mistake {
        what: "a proxy configuration that cannot be",
        file: "proxy/conf/timeouts.conf",
        good: "client_body_timeout",
        bad: "steer_by_the stars;\nclient_body_timeout",
        told: &[
            "refuses its new files: it goes on with the ones before",
            "unknown directive \"steer_by_the\"",
            "timeouts.conf → is not live: the programs before it go on",
        ],
    },
];

/// `TEST_MISTAKES=20 TEST_SWAP_RATE=500` for the figures of the documentation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_mistakes_under_load_fail_no_request() {
    let (count, rate) = (number("TEST_MISTAKES", 3), number("TEST_SWAP_RATE", 30));
    let mut workshop = Workshop::open().await;
    rename(&workshop, "sound");
    serves(&workshop.stack, "sound").await;
    workshop.see("version.rs → built");
    let load = Load::begin(&workshop.stack, rate).await;
    for (number, mistake) in MISTAKES.iter().cycle().take(usize::try_from(count).unwrap()).enumerate() {
        make_and_mend(&mut workshop, mistake).await;
        // The loop goes on as if nothing had been.
        rename(&workshop, &format!("sound {number}"));
        workshop.see("version.rs → built");
        serves(&workshop.stack, &format!("sound {number}")).await;
    }
    let seen = load.end().await;
    eprintln!("{count} mistakes at {rate}/s: {} requests, {} failed", seen.good.len() + seen.failed.len(), seen.failed.len());
    assert!(seen.failed.is_empty(), "{:?}", seen.failed);
}

async fn make_and_mend(workshop: &mut Workshop, mistake: &Mistake) {
    let Mistake { what, file, good, bad, told } = mistake;
    eprintln!("{what}");
    let before = super::name(&workshop.stack).await;
    if good.is_empty() {
        workshop.save(file, bad);
    } else {
        workshop.edit(file, good, bad);
    }
    for text in *told {
        workshop.see(text);
    }
    assert_eq!(super::name(&workshop.stack).await, before, "{what}");
    workshop.stack.get("/api/v1/health/ready").await.with(200);
    if good.is_empty() {
        // As people mend it: it was never applied, so it can be written anew.
        workshop.save(file, "CREATE TABLE shoals (depth integer NOT NULL);\n");
        workshop.see(&format!("{} → built", file));
        assert_eq!(workshop.stack.query("SELECT count(*) FROM shoals"), ["0"]);
        workshop.stack.query("DROP TABLE shoals; DELETE FROM _sqlx_migrations WHERE version = 20990101000001");
        std::fs::remove_file(workshop.path(file)).unwrap();
        workshop.see(&format!("{} → built", file));
    } else {
        workshop.edit(file, bad, good);
        workshop.see(if file.starts_with("proxy") { "timeouts.conf → live (proxy)" } else { " → built" });
    }
}
