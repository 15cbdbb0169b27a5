//! A real Chromium in the stack's network, driven through WebDriver.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context as _;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::account::Account;
use super::{INSIDE_URL, Stack, eventually};

/// How long a page may take to show something. Pages that try again by themselves do so after some seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a browser runs the scripts of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    On,
    Off,
}

/// One browser with a profile of its own. It ends when this is dropped, also when the test fails.
pub(crate) struct Browser {
    client: Client,
    /// The address of the WebDriver, without its scheme.
    webdriver: String,
    session: String,
    /// Where the script is that finds barriers.
    pub(super) axe_url: String,
}

impl Stack {
    /// Starts a browser in which the stack's skipper is signed in.
    pub(crate) async fn browser(&self, scripts: Scripts) -> Browser {
        let browser = self.strange_browser(scripts).await;
        browser.sign_in(&self.skipper().await).await;
        browser
    }

    /// Starts a browser in which somebody is signed in.
    pub(crate) async fn browser_of(&self, account: &Account, scripts: Scripts) -> Browser {
        let browser = self.strange_browser(scripts).await;
        browser.sign_in(account).await;
        browser
    }

    /// Starts a browser in which nobody is signed in.
    pub(crate) async fn strange_browser(&self, scripts: Scripts) -> Browser {
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
            // What browsers do on `localhost`, where people open the stack: it counts as safe without TLS.
            &format!("--unsafely-treat-insecure-origin-as-secure={INSIDE_URL}"),
        ];
        let options = json!({ "args": arguments });
        let capabilities: Capabilities =
            [("goog:chromeOptions".to_owned(), options), ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }))]
                .into_iter()
                .collect();
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&self.webdriver).await;
        let client = client.expect("the browser of the test stack starts");
        let session = client.session_id().await.expect("the browser answers").expect("a browser that started has a session");
        // The client would end the session in the background, which a runtime that ends with its test does not wait for. `drop` does it.
        client.persist().await.expect("the browser answers");
        let webdriver = self.webdriver.trim_start_matches("http://").to_owned();
        let browser = Browser { client, webdriver, session, axe_url: self.axe_url.clone() };
        if scripts == Scripts::Off {
            browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
        }
        browser
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser whose container is gone is gone as well.
        let _ = self.end();
    }
}

impl Browser {
    fn end(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(&self.webdriver)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\n\r\n", self.session, self.webdriver)?;
        // The answer comes when the browser has ended. The connection stays open.
        stream.read(&mut [0; 256]).map(|_| ())
    }

    /// Gives the browser somebody's session, as signing in would.
    async fn sign_in(&self, account: &Account) {
        let cookie = json!({ "name": "session", "value": account.session, "url": INSIDE_URL, "httpOnly": true, "sameSite": "Lax" });
        self.devtools("Network.setCookie", cookie).await;
    }

    /// The WebDriver client, for what has no word of its own here.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Opens a page of the stack.
    pub(crate) async fn open(&self, path: &str) {
        self.client.goto(&format!("{INSIDE_URL}{path}")).await.expect("the page opens");
    }

    /// Waits until an element matches `selector` whose visible text contains `text`.
    pub(crate) async fn see(&self, selector: &str, text: &str) {
        eventually(&format!("`{selector}` with `{text}`"), PATIENCE, || async {
            let found = self.texts(selector).await?;
            anyhow::ensure!(found.iter().any(|found| found.contains(text)), "there is {found:?}");
            anyhow::Ok(())
        })
        .await;
    }

    /// The visible texts of all elements that match `selector`.
    pub(crate) async fn texts(&self, selector: &str) -> anyhow::Result<Vec<String>> {
        let mut texts = Vec::new();
        for element in self.client.find_all(Locator::Css(selector)).await? {
            // An element that was replaced since is not there any more.
            texts.extend(element.text().await.ok());
        }
        Ok(texts)
    }

    /// The element that matches `selector`, as soon as there is one.
    pub(crate) async fn element(&self, selector: &str) -> Element {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        element.unwrap_or_else(|error| panic!("`{selector}`: {error}"))
    }

    /// Replaces what is in the field that matches `selector` by `text`, all at once, as an emoji picker or a paste does. (Keys of WebDriver are
    /// limited to the characters of Unicode's first plane.)
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.element(selector).await;
        field.clear().await.expect("the field can be cleared");
        self.script(&format!("document.querySelector({}).focus()", json!(selector))).await;
        self.devtools("Input.insertText", json!({ "text": text })).await;
    }

    /// Clicks the element that matches `selector`.
    pub(crate) async fn click(&self, selector: &str) {
        self.element(selector).await.click().await.expect("the element can be clicked");
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(crate) async fn press(&self, keys: impl IntoIterator<Item = char>) {
        let stroke = |actions: KeyActions, value| actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        let actions = keys.into_iter().fold(KeyActions::new("keyboard".to_owned()), stroke);
        self.client.perform_actions(actions).await.expect("keys can be pressed");
    }

    /// Runs a script in the page and returns what it returns; a promise is waited for.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("`{script}`: {error}"))
    }

    /// Waits until a script returns something other than `null` or `false`. Pages may change meanwhile.
    pub(crate) async fn until(&self, what: &str, script: &str) -> Value {
        eventually(what, PATIENCE, || async {
            let value = self.client.execute(script, Vec::new()).await?;
            anyhow::ensure!(!matches!(value, Value::Null | Value::Bool(false)), "it is {value}, at {:?}", self.client.current_url().await);
            anyhow::Ok(value)
        })
        .await
    }

    /// What the page's console has said since the last time, without what is only informative.
    pub(crate) async fn console(&self) -> Vec<String> {
        let entries = self.extension("se/log", Some(json!({ "type": "browser" }))).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let loud = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        loud.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What assistive technology is told about an element: its role and its name.
    pub(crate) async fn role_and_name(&self, element: &Element) -> (String, String) {
        let id = element.element_id();
        let role = self.extension(&format!("element/{}/computedrole", &*id), None).await;
        let name = self.extension(&format!("element/{}/computedlabel", &*id), None).await;
        (role.as_str().unwrap_or_default().to_owned(), name.as_str().unwrap_or_default().to_owned())
    }

    /// Calls a method of Chromium's DevTools protocol.
    pub(crate) async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.extension("goog/cdp/execute", Some(json!({ "cmd": method, "params": parameters }))).await
    }

    /// Makes the window as large as the screen of some device.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
    }

    /// A picture of what the window shows, as PNG.
    pub(crate) async fn picture(&self) -> anyhow::Result<Vec<u8>> {
        self.client.screenshot().await.context("the browser takes a picture")
    }

    /// A command of this session that the client does not know: with a body it is a POST.
    async fn extension(&self, path: &str, body: Option<Value>) -> Value {
        let command = Extension { path: path.to_owned(), body };
        self.client.issue_cmd(command).await.unwrap_or_else(|error| panic!("`{path}`: {error}"))
    }
}

/// A WebDriver command beyond those of the client.
#[derive(Debug)]
struct Extension {
    path: String,
    body: Option<Value>,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        let method = if self.body.is_some() { http::Method::POST } else { http::Method::GET };
        (method, self.body.as_ref().map(Value::to_string))
    }
}
