//! What every test of the stack needs: where it is, commands, a browser, and taking turns.

pub(crate) mod account;
pub(crate) mod axe;
pub(crate) mod browser;
pub(crate) mod checkout;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod mail;
pub(crate) mod sink;
pub(crate) mod stopped;
pub(crate) mod workshop;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The stack that the tests run against.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// Where the host reaches it, without a slash at the end.
    pub(crate) url: String,
    /// The Compose project.
    pub(crate) project: String,
    /// The instance, for `--instance`.
    pub(crate) instance: String,
    /// The root of the checkout.
    pub(crate) root: String,
    /// Variables for the programs that tests run on it.
    variables: Vec<(String, String)>,
    /// The `xtask` program.
    xtask: String,
    /// Where the WebDriver of the browser in the stack's network answers.
    webdriver: String,
    /// Where caught mail can be read.
    mail_url: String,
    /// Where the script is that finds barriers.
    axe_url: String,
}

/// Where the browser, which is in the stack's network, reaches the stack.
pub(crate) const INSIDE_URL: &str = "http://proxy";

/// The variables with addresses, and the port of a service that each leads to.
const PLACES: [(&str, &str, &str); 4] = [
    ("TEST_STACK_URL", "proxy", "80"),
    ("TEST_WEBDRIVER_URL", "browser", "4444"),
    ("TEST_MAIL_URL", "mail", "8025"),
    ("TEST_AXE_URL", "checks", "8080"),
];

/// What these variables should say since a test made the stack anew: the engine chooses the ports that nobody asked for.
static MOVED: Mutex<BTreeMap<&str, String>> = Mutex::new(BTreeMap::new());

/// Held by tests that share the stack, and alone by those that disturb it.
static TURNS: RwLock<()> = RwLock::const_new(());

/// The stack, for a test that leaves it as it is: others run at the same time.
pub(crate) async fn shared() -> (Stack, RwLockReadGuard<'static, ()>) {
    let turn = TURNS.read().await;
    let stack = Stack::from_environment();
    stack.skipper().await;
    (stack, turn)
}

/// The stack, for a test that stops or breaks parts of it: nothing else runs meanwhile.
pub(crate) async fn alone() -> (Stack, RwLockWriteGuard<'static, ()>) {
    let turn = TURNS.write().await;
    let stack = Stack::from_environment();
    stack.skipper().await;
    (stack, turn)
}

impl Stack {
    fn from_environment() -> Self {
        Self {
            url: variable("TEST_STACK_URL"),
            project: variable("TEST_STACK_PROJECT"),
            instance: variable("TEST_STACK_INSTANCE"),
            root: variable("TEST_ROOT"),
            variables: Vec::new(),
            xtask: variable("TEST_XTASK"),
            webdriver: variable("TEST_WEBDRIVER_URL"),
            mail_url: variable("TEST_MAIL_URL"),
            axe_url: variable("TEST_AXE_URL"),
        }
    }

    /// The same stack, with `name` set for the programs that run on it.
    pub(crate) fn with_variable(&self, name: &str, value: &str) -> Self {
        let mut stack = self.clone();
        stack.variables.push((name.to_owned(), value.to_owned()));
        stack
    }

    /// Asks the engine where the stack is now, for this test and all that follow: after its containers were started or made again.
    pub(crate) fn find_again(&mut self) {
        for (name, service, port) in PLACES {
            let ports = self.docker(&["port", &self.container(service), port]).good().stdout;
            let address = ports.lines().next().unwrap_or_else(|| panic!("{service} publishes no port {port}"));
            let mut url = url::Url::parse(&variable(name)).unwrap();
            url.set_port(address.rsplit_once(':').and_then(|(_, port)| port.parse().ok())).unwrap();
            MOVED.lock().unwrap().insert(name, url.as_str().trim_end_matches('/').to_owned());
        }
        *self = Self { variables: self.variables.clone(), ..Self::from_environment() };
    }

    /// The name of `service`'s container.
    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.project)
    }
}

/// What `cargo xtask test` says in the variable `name`.
fn variable(name: &str) -> String {
    let moved = MOVED.lock().unwrap().get(name).cloned();
    let set = moved.or_else(|| std::env::var(name).ok());
    set.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test e2e`, which starts the stack"))
}

/// Asks `condition` again until it gives a value; panics with its last objection after `limit`.
pub(crate) async fn eventually<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> F,
) -> T {
    let begin = Instant::now();
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(objection) if begin.elapsed() > limit => panic!("{what}: not within {limit:?}: {objection}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
