//! Somebody who is signed in at the application, as a program is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// How long the worker may take until the figures of the board are right.
const FIGURES: Duration = Duration::from_secs(120);

/// How many accounts were made.
static ACCOUNTS: AtomicU32 = AtomicU32::new(0);

/// A client with a session.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// Sends cookie and CSRF token with everything.
    client: Client,
    /// Where the proxy answers.
    pub(crate) url: String,
    /// The header `Cookie`.
    pub(crate) cookie: HeaderValue,
}

impl Api {
    /// Signs in with an address and a password.
    pub(crate) async fn sign_in(url: &str, (email, password): &(String, String)) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        Self::enter(url, "/api/v1/sessions", &json!({ "email": email, "password": password })).await
    }

    /// Another client, with an account of its own.
    pub(crate) async fn sign_up(&self) -> anyhow::Result<Self> {
        let number = ACCOUNTS.fetch_add(1, Ordering::Relaxed);
        let email = format!("load-{}-{number}@example.com", std::process::id());
        let body = json!({ "email": email, "name": format!("Load {number}"), "password": "sounding line and lead" });
        Self::enter(self.url.clone(), "/api/v1/users", &body).await
    }

    async fn enter(url: String, path: &str, body: &Value) -> anyhow::Result<Self> {
        let answer = Client::builder().no_proxy().build()?.post(format!("{url}{path}")).json(body).send().await?;
        let answer = answer.error_for_status().context("cannot sign in")?;
        let cookie = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok()?.split(';').next());
        let cookie = HeaderValue::from_str(cookie.context("signing in sets no cookie")?)?;
        let token = answer.json::<Value>().await?["csrf_token"].as_str().map(HeaderValue::from_str).context("there is no CSRF token")??;
        let headers: HeaderMap = [(COOKIE, cookie.clone()), ("x-csrf-token".parse()?, token)].into_iter().collect();
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).default_headers(headers).build()?;
        Ok(Self { client, url, cookie })
    }

    /// Asks for `path`.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    /// Sends something to `path`.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// Creates a task with `title`.
    pub(crate) fn create(&self, title: &str) -> RequestBuilder {
        self.post("/api/v1/tasks").json(&json!({ "title": title }))
    }

    /// Removes what is at `path`.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        good(self.client.delete(format!("{}{path}", self.url))).await.map(drop)
    }

    /// The JSON at `path`.
    pub(crate) async fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(good(self.get(path)).await?.json().await?)
    }

    /// How many tasks the figures of the board tell.
    pub(crate) async fn counted(&self) -> anyhow::Result<u64> {
        self.json("/api/v1/stats").await?["created"].as_u64().context("the figures have no `created`")
    }

    /// Waits until the figures of the board tell `tasks`; returns how long that took.
    pub(crate) async fn until_counted(&self, tasks: u64) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        loop {
            let counted = self.counted().await?;
            if counted == tasks {
                return Ok(begin.elapsed());
            }
            if begin.elapsed() > FIGURES {
                bail!("the figures tell {counted} tasks instead of {tasks}: does the worker run, and was the stack empty?");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The address of the page of tasks that comes after `count` others; `query` are filters, each with `&` behind it.
    pub(crate) async fn page_after(&self, query: &str, count: u32) -> anyhow::Result<String> {
        let mut path = format!("/api/v1/tasks?{query}limit=50");
        let mut walked = 0;
        while walked < count {
            let page = self.json(&path.replace("limit=50", "limit=200")).await?;
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/tasks?{query}limit=50&before={next}");
            walked += 200;
        }
        ensure!(walked > 0 || count == 0, "there is one page only of `{query}`");
        Ok(path)
    }
}

/// Sends a request; anything but success is an error.
pub(crate) async fn good(request: RequestBuilder) -> anyhow::Result<Response> {
    let answer = request.send().await?;
    let (status, url) = (answer.status(), answer.url().clone());
    if status.is_success() {
        return Ok(answer);
    }
    // A problem document fits; of a page, the beginning does.
    bail!("{url} answers {status}: {:.200}", answer.text().await.unwrap_or_default())
}
