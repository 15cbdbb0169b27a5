//! Steps that journeys through the pages have in common: arriving somewhere, reading fields, and things that are there before a journey begins.

use serde_json::{Value, json};

use crate::harness::Stack;
use crate::harness::account::Account;
use crate::harness::browser::Browser;
use crate::harness::client::{Answer, read};

impl Browser {
    /// Waits until the address is this path, whatever its query, and the page is complete.
    pub(super) async fn arrive(&self, path: &str) {
        let there = format!("return document.readyState === 'complete' && location.pathname === {}", json!(path));
        self.until(&format!("the browser is at {path}"), &there).await;
    }

    /// Presses something that leads to this path, and waits until another page is there: the one before may have had the same address.
    pub(super) async fn follow(&self, selector: &str, path: &str) {
        self.script("document.documentElement.dataset.before = ''; return true").await;
        self.click(selector).await;
        let there = format!(
            "return document.readyState === 'complete' && location.pathname === {} && !('before' in document.documentElement.dataset)",
            json!(path)
        );
        self.until(&format!("the browser is at {path}, on another page"), &there).await;
    }

    /// What is in a field.
    pub(super) async fn value(&self, selector: &str) -> String {
        let value = self.script(&format!("return document.querySelector({}).value", json!(selector))).await;
        value.as_str().unwrap_or_else(|| panic!("`{selector}` has {value}")).to_owned()
    }

    /// Puts a value into a field that is not typed into, such as a date or a choice, and says so as a person's hand would.
    pub(super) async fn set(&self, selector: &str, value: &str) {
        let script = format!(
            "const field = document.querySelector({}); field.value = {}; field.dispatchEvent(new Event('input', {{ bubbles: true }})); return field.value",
            json!(selector),
            json!(value)
        );
        assert_eq!(self.script(&script).await, value, "`{selector}` does not take this value");
    }

    /// Sends the form to sign in.
    pub(super) async fn sign_in_with(&self, email: &str, password: &str) {
        self.fill("#email", email).await;
        self.fill("#password", password).await;
        self.click("main .primary").await;
    }

    /// Opens a task and waits until its page is live.
    pub(super) async fn open_task(&self, id: &str) {
        self.open(&format!("/tasks/{id}")).await;
        self.until_live().await;
    }

    /// Waits until the address ends with `?saved=…`, as after a form that worked, and is the one of a task.
    pub(super) async fn until_saved(&self) {
        self.see(".notice-good", "Saved.").await;
    }
}

impl Stack {
    /// Asks the API as somebody.
    pub(super) async fn api(&self, account: &Account, method: http::Method, path: &str, body: Value) -> Answer {
        read(account.client().request(method, format!("{}/api/v1{path}", self.url)).json(&body)).await.unwrap()
    }

    /// Creates a task as somebody; returns its id.
    pub(super) async fn task_of(&self, account: &Account, task: Value) -> String {
        let task = self.api(account, http::Method::POST, "/tasks", task).await.with(201).json();
        task["id"].as_str().expect("tasks have ids").to_owned()
    }

    /// Makes somebody an administrator.
    pub(super) fn promote(&self, account: &Account) {
        self.exec("backend", &["backend", "admin", "set-role", &account.email, "admin"]).good();
    }

    /// Attaches a file to a task; returns what the API says about it.
    pub(super) async fn attach(&self, account: &Account, task: &str, name: &str, bytes: &[u8]) -> Value {
        let edge = "a-file-of-the-tests";
        let head = format!("--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        let body = [head.as_bytes(), bytes, format!("\r\n--{edge}--\r\n").as_bytes()].concat();
        let request = account.client().post(format!("{}/api/v1/tasks/{task}/attachments", self.url));
        let request = request.header("content-type", format!("multipart/form-data; boundary={edge}")).body(body);
        read(request).await.unwrap().with(201).json()
    }

    /// Runs SQL that a test is lost without.
    pub(super) fn sql(&self, sql: &str) {
        let psql = ["psql", "--username=slipway", "--dbname=slipway", "--set=ON_ERROR_STOP=1", "--command", sql];
        self.exec("db", &psql).good();
    }
}
