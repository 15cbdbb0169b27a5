//! The browser of a stack, driven through WebDriver. What is measured in it is told by the page itself: a script in every page notes the moment at which
//! a new heading or a new style has been painted, so it does not matter how often somebody asks.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::plan::Loop;
use crate::rust::docker;

/// Where the browser finds the stack.
const INSIDE: &str = "http://proxy";
/// How often the page is asked what it has seen.
const ASK: Duration = Duration::from_millis(50);
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the browser may take to answer.
const ANSWER: Duration = Duration::from_secs(60);

/// Looks at each frame, and notes with the time what it shows once it has been painted.
const EYE: &str = r#"(() => {
  if (window !== window.top || !location.protocol.startsWith("http")) return;
  let last;
  const look = () => {
    requestAnimationFrame(look);
    const heading = document.querySelector("h1")?.textContent ?? "";
    const style = document.body ? getComputedStyle(document.body).outlineOffset : "";
    const problem = document.querySelector("dev-problems")?.shadowRoot?.querySelector(".title")?.textContent ?? "";
    const seen = `${heading}|${style}|${problem}`;
    if (seen === last) return;
    last = seen;
    const painted = new MessageChannel();
    painted.port1.onmessage = () => {
      const all = JSON.parse(sessionStorage.getItem("dev-loop:seen") ?? "[]");
      sessionStorage.setItem("dev-loop:seen", JSON.stringify([...all, [seen, Date.now()]]));
    };
    painted.port2.postMessage(null);
  };
  requestAnimationFrame(look);
})();"#;

/// One browser with one window.
#[derive(Debug)]
pub(crate) struct Browser {
    client: Client,
    /// The address of the session.
    session: String,
}

impl Browser {
    /// Starts it, in the container that the stack has for it.
    pub(crate) async fn start(plan: &Loop) -> anyhow::Result<Self> {
        let address = docker(&["container", "port", &plan.container("browser"), "4444/tcp"]).await?;
        let address = address.lines().next().context("the browser has no port")?.to_owned();
        let client = Client::builder().no_proxy().timeout(ANSWER).build()?;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--window-size=1280,860",
            // What browsers do on `localhost`, where people open the stack: it counts as safe without TLS.
            &format!("--unsafely-treat-insecure-origin-as-secure={INSIDE}"),
        ];
        let capabilities = json!({ "pageLoadStrategy": "none", "goog:chromeOptions": { "args": arguments } });
        let mut browser = Self { client, session: format!("http://{address}/session") };
        let session = browser.command(Method::POST, "", json!({ "capabilities": { "alwaysMatch": capabilities } })).await?;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().context("the browser opens no session")?);
        let script = json!({ "cmd": "Page.addScriptToEvaluateOnNewDocument", "params": { "source": EYE } });
        browser.command(Method::POST, "/goog/cdp/execute", script).await?;
        Ok(browser)
    }

    /// Opens a page of the stack.
    pub(crate) async fn open(&self, path: &str) -> anyhow::Result<()> {
        self.command(Method::POST, "/url", json!({ "url": format!("{INSIDE}{path}") })).await.map(drop)
    }

    /// Leaves the stack: nothing of it is shown any more.
    pub(crate) async fn leave(&self) -> anyhow::Result<()> {
        self.command(Method::POST, "/url", json!({ "url": "about:blank" })).await.map(drop)
    }

    /// Reads the page again, as somebody who presses the key for it.
    pub(crate) async fn reload(&self) -> anyhow::Result<()> {
        self.command(Method::POST, "/refresh", json!({})).await.map(drop)
    }

    /// The moment at which a page that is `good` had been painted, later than `moment`.
    pub(crate) async fn painted(&self, moment: f64, good: impl Fn(&str) -> bool) -> anyhow::Result<f64> {
        let begin = Instant::now();
        loop {
            // While a page takes the place of another one, none answers.
            let seen = self.seen().await;
            let found = seen.iter().flatten().find(|(text, at)| *at >= moment && good(text));
            match found {
                Some((_, at)) => return Ok(*at),
                None if begin.elapsed() > PATIENCE => {
                    bail!("the browser does not show it within {} s; it saw {seen:?}", PATIENCE.as_secs())
                }
                None => tokio::time::sleep(ASK).await,
            }
        }
    }

    async fn seen(&self) -> anyhow::Result<Vec<(String, f64)>> {
        let script = json!({ "script": "return sessionStorage.getItem('dev-loop:seen') ?? '[]'", "args": [] });
        let text = self.command(Method::POST, "/execute/sync", script).await?;
        Ok(serde_json::from_str(text.as_str().unwrap_or("[]"))?)
    }

    async fn command(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let answer = self.client.request(method, format!("{}{path}", self.session)).json(&body).send().await?;
        let good = answer.status().is_success();
        let value = answer.json::<Value>().await?["value"].take();
        if good { Ok(value) } else { bail!("the browser refuses `{path}`: {}", value["message"].as_str().unwrap_or_default()) }
    }
}
