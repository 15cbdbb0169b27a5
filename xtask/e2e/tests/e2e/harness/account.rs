//! Somebody who is signed in at a stack: most of what tests ask for is for people with an account.

use std::collections::BTreeMap;
use std::sync::Mutex;

use http::header::{COOKIE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use serde_json::json;

use super::Stack;
use super::client::{NO_HANG, client, read};

/// The password of every account that tests make.
pub(crate) const PASSWORD: &str = "seventeen knots of wind";

/// An account with a session.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    /// The value of the cookie `session`.
    pub(crate) session: String,
    pub(crate) csrf_token: String,
}

/// Who asks, where no test says otherwise: one account for each stack, because signing up is limited.
static SKIPPERS: Mutex<BTreeMap<String, Account>> = Mutex::new(BTreeMap::new());
/// So that two tests do not both sign up.
static SIGNING_UP: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Account {
    /// What a browser, or a program, sends along.
    pub(crate) fn headers(&self) -> HeaderMap {
        let cookie = HeaderValue::from_str(&format!("session={}", self.session)).unwrap();
        let token = HeaderValue::from_str(&self.csrf_token).unwrap();
        [(COOKIE, cookie), ("x-csrf-token".parse().unwrap(), token)].into_iter().collect()
    }

    /// A client of this person that follows no redirect and never waits for ever.
    pub(crate) fn client(&self) -> reqwest::Client {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(NO_HANG);
        client.default_headers(self.headers()).build().unwrap()
    }
}

impl Stack {
    /// Makes an account. The commands of the backend are used, because the proxy limits how often an address may sign up.
    pub(crate) async fn new_account(&self, name: &str) -> Account {
        let email = format!("{}@example.org", uuid());
        let create = ["backend", "admin", "create-user", &email, "--name", name];
        self.exec_with("backend", &create, &format!("{PASSWORD}\n")).good();
        self.sign_in(&email).await
    }

    /// Signs somebody in.
    pub(crate) async fn sign_in(&self, email: &str) -> Account {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = read(client().post(format!("{}/api/v1/sessions", self.url)).json(&body)).await.unwrap().with(201);
        let cookie = answer.header("set-cookie").split(';').next().and_then(|cookie| cookie.strip_prefix("session="));
        let (session, answer) = (cookie.expect("the cookie is named `session`").to_owned(), answer.json());
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let user = &answer["user"];
        Account {
            id: text(&user["id"]),
            email: email.to_owned(),
            name: text(&user["name"]),
            session,
            csrf_token: text(&answer["csrf_token"]),
        }
    }

    /// Who asks at this stack where no test says otherwise. Made when it is first asked for.
    pub(crate) async fn skipper(&self) -> Account {
        let _turn = SIGNING_UP.lock().await;
        if let Some(account) = self.known_skipper() {
            return account;
        }
        let account = self.new_account("Skipper").await;
        SKIPPERS.lock().unwrap().insert(self.project.clone(), account.clone());
        account
    }

    /// The same, if it was made before.
    pub(super) fn known_skipper(&self) -> Option<Account> {
        SKIPPERS.lock().unwrap().get(&self.project).cloned()
    }
}

/// A word that nothing else has.
fn uuid() -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    format!("{now:x}-{}", NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}
