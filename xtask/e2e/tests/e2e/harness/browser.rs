//! A real Chromium in the stack's network, driven through WebDriver.

use std::time::Duration;

use anyhow::Context as _;
use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::{INSIDE_URL, Stack, eventually};

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a browser behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    On,
    Off,
}

/// One browser with a profile of its own.
pub(crate) struct Browser {
    client: Client,
}

impl Stack {
    /// Starts a browser.
    pub(crate) async fn browser(&self, scripts: Scripts) -> Browser {
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--window-size=1280,860",
        ];
        let allowed = if scripts == Scripts::On { 1 } else { 2 };
        let options = json!({ "args": arguments, "prefs": { "profile.managed_default_content_settings.javascript": allowed } });
        let capabilities: Capabilities =
            [("goog:chromeOptions".to_owned(), options), ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }))]
                .into_iter()
                .collect();
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&self.webdriver).await;
        Browser { client: client.expect("the browser of the test stack starts") }
    }
}

impl Browser {
    /// The WebDriver client, for what has no word of its own here.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Opens a page of the stack.
    pub(crate) async fn open(&self, path: &str) {
        self.client.goto(&format!("{INSIDE_URL}{path}")).await.expect("the page opens");
    }

    /// Waits until an element matches `selector` whose text contains `text`.
    pub(crate) async fn see(&self, selector: &str, text: &str) {
        eventually(&format!("`{selector}` with `{text}`"), PATIENCE, || async {
            let found = self.texts(selector).await?;
            anyhow::ensure!(found.iter().any(|found| found.contains(text)), "there is {found:?}");
            anyhow::Ok(())
        })
        .await;
    }

    /// The texts of all elements that match `selector`.
    pub(crate) async fn texts(&self, selector: &str) -> anyhow::Result<Vec<String>> {
        let mut texts = Vec::new();
        for element in self.client.find_all(Locator::Css(selector)).await? {
            // An element that was replaced since is not there any more.
            texts.extend(element.text().await.ok());
        }
        Ok(texts)
    }

    /// Types `text` into the element that matches `selector`.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await.expect("the field is there");
        element.clear().await.expect("the field can be cleared");
        element.send_keys(text).await.expect("the field takes text");
    }

    /// Clicks the element that matches `selector`.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await.expect("the element is there");
        element.click().await.expect("the element can be clicked");
    }

    /// Runs a script in the page and returns what it returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// What the page's console has said since the last time, without what is only informative.
    pub(crate) async fn console(&self) -> Vec<String> {
        let entries = self.client.issue_cmd(ConsoleLog).await.expect("the console can be read");
        let entries = entries.as_array().cloned().unwrap_or_default();
        let loud = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        loud.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// A picture of what the window shows, as PNG.
    pub(crate) async fn picture(&self) -> anyhow::Result<Vec<u8>> {
        self.client.screenshot().await.context("the browser takes a picture")
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        // It is gone either way.
        let _: Result<(), CmdError> = self.client.close().await;
    }
}

/// Chromium's own WebDriver command for the page's console.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
