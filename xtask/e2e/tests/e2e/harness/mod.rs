//! What every test of the stack needs: where it is, commands, a browser, and taking turns.

pub(crate) mod browser;
pub(crate) mod checkout;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod stopped;

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
}

/// Where the browser, which is in the stack's network, reaches the stack.
pub(crate) const INSIDE_URL: &str = "http://proxy";

/// Where the host reaches the stack and its WebDriver since a test made it anew: the engine chooses the ports that nobody asked for.
static MOVED: Mutex<Option<(String, String)>> = Mutex::new(None);

/// Held by tests that share the stack, and alone by those that disturb it.
static TURNS: RwLock<()> = RwLock::const_new(());

/// The stack, for a test that leaves it as it is: others run at the same time.
pub(crate) async fn shared() -> (Stack, RwLockReadGuard<'static, ()>) {
    let turn = TURNS.read().await;
    (Stack::from_environment(), turn)
}

/// The stack, for a test that stops or breaks parts of it: nothing else runs meanwhile.
pub(crate) async fn alone() -> (Stack, RwLockWriteGuard<'static, ()>) {
    let turn = TURNS.write().await;
    (Stack::from_environment(), turn)
}

impl Stack {
    fn from_environment() -> Self {
        let variable = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test e2e`, which starts the stack"))
        };
        let (url, webdriver) =
            MOVED.lock().unwrap().clone().unwrap_or_else(|| (variable("TEST_STACK_URL"), variable("TEST_WEBDRIVER_URL")));
        Self {
            url,
            project: variable("TEST_STACK_PROJECT"),
            instance: variable("TEST_STACK_INSTANCE"),
            root: variable("TEST_ROOT"),
            variables: Vec::new(),
            xtask: variable("TEST_XTASK"),
            webdriver,
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
        let published = |service: &str, port: &str| {
            let ports = self.docker(&["port", &self.container(service), port]).good().stdout;
            let address = ports.lines().next().unwrap_or_else(|| panic!("{service} publishes no port {port}"));
            address.rsplit_once(':').map(|(_, port)| port.to_owned()).unwrap()
        };
        let url = format!("http://localhost:{}", published("proxy", "80"));
        let webdriver = format!("http://127.0.0.1:{}", published("browser", "4444"));
        *MOVED.lock().unwrap() = Some((url.clone(), webdriver.clone()));
        (self.url, self.webdriver) = (url, webdriver);
    }

    /// The name of `service`'s container.
    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.project)
    }
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
