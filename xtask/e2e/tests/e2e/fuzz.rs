//! The API does what its OpenAPI document says, whatever it is sent: Schemathesis asks it for what the document allows and what it forbids.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::checkout::Checkout;
use crate::harness::client::{client, read};
use crate::harness::{Stack, shared};
use crate::start::free_port;

/// What ends the session that asks, or may be asked for only a few times a minute.
const OF_SESSIONS: &str = "/(sessions?|users|account/password|password-resets(/complete)?)$";
/// A server never breaks, and never answers what the document does not promise.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// One process, slower than an account may ask (20 times a second), and without memory of earlier runs.
const MANNERS: [&str; 10] = [
    "--workers=1",
    "--rate-limit=15/s",
    "--request-timeout=15",
    "--generation-database=none",
    "--max-failures=20",
    "--warnings=off",
    "--no-color",
    "--checks",
    CHECKS,
    "--continue-on-failure",
];

/// An instance of its own: what this sends fills boards and uses up what an address may ask.
struct Target {
    checkout: Checkout,
}

impl Target {
    fn new(shared: &Stack) -> Self {
        let mut checkout = Checkout::new(shared, "fuzz", &["worker"], free_port());
        // It is asked by the name of its container.
        let own = format!("site.aliases = [\"127.0.0.1\", {:?}]\n", checkout.stack.container("proxy"));
        std::fs::write(checkout.path("infra/env/test.override.toml"), own).unwrap();
        checkout.stack.url = checkout.stack.xtask(&["up"]).good().stdout.trim().to_owned();
        // Its proxy comes to where Schemathesis is. The other way round, the engine would publish the ports of `checks` anew, as others.
        let network = format!("{}_edge", shared.project);
        shared.docker(&["network", "connect", &network, &checkout.stack.container("proxy")]).good();
        Self { checkout }
    }

    /// The headers of somebody who has just signed up.
    async fn session(&self, name: &str) -> [String; 2] {
        let account = serde_json::json!({ "email": format!("{name}@example.org"), "name": name, "password": "seventeen knots of wind" });
        let answer = read(client().post(format!("{}/api/v1/users", self.checkout.stack.url)).json(&account)).await.unwrap().with(201);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let token = answer.json()["csrf_token"].as_str().expect("a session has a token").to_owned();
        [format!("Cookie: {cookie}"), format!("X-CSRF-Token: {token}")]
    }

    /// Checks the part of the API that `options` choose, as whoever `session` belongs to.
    fn conforms(&self, shared: &Stack, session: &[String; 2], options: &[&str]) {
        // Another number each time; the one that found something repeats it.
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        // By the container's name: `proxy` is that of the shared stack as well.
        let document = format!("http://{}/api/v1/openapi.json", self.checkout.stack.container("proxy"));
        // Whatever happens inside, it ends.
        let within = ["shell", "checks", "--", "timeout", "--kill-after=5", "900"];
        let program = ["schemathesis", "--config-file=/etc/schemathesis.toml", "run", &document, "--seed", &seed];
        let headers = ["--header", &session[0], "--header", &session[1]];
        let outcome = shared.xtask(&[&within[..], &program, &headers, &MANNERS, options].concat());
        let report = format!("seed {seed}, {options:?}\n{}\n{}", outcome.stdout, outcome.stderr);
        assert_eq!(outcome.code, 0, "{report}");
        // A selection that selects nothing would find nothing.
        assert!(outcome.stdout.contains("No issues found") && !outcome.stdout.contains("Tested: 0"), "{report}");
        eprintln!("the API conforms to its document: {}", report.lines().rev().find(|line| line.contains("passed")).unwrap_or(&report));
    }
}

#[tokio::test]
async fn campaign_the_api_does_what_its_document_says() {
    let (shared, _turn) = shared().await;
    let target = Target::new(&shared);
    // Inputs at the edges of what is allowed, inputs at random, and calls that use what earlier ones returned, for as long as this takes.
    let seconds = std::env::var("TEST_FUZZ_SECONDS").unwrap_or_else(|_| "20".to_owned());
    let time = format!("--max-time={seconds}");
    let all = ["--exclude-path-regex", OF_SESSIONS, "--phases=coverage,fuzzing,stateful", "--max-examples=20", &time];
    target.conforms(&shared, &target.session("lookout").await, &all);
    // Few of each, so that not all of them are told to wait.
    let few = ["--include-path-regex", OF_SESSIONS, "--phases=fuzzing", "--max-examples=4"];
    target.conforms(&shared, &target.session("stowaway").await, &few);
}
