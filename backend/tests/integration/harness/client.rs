//! A browser, or a program: somebody who asks a server, with a session or without.
use super::{Answer, Socket, send};
use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// The password of every account in tests.
pub(crate) const PASSWORD: &str = "correct horse battery";

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) authority: String,
    /// The account; null without a session.
    pub(crate) user: Value,
    /// `session=…`
    pub(crate) cookie: String,
    pub(crate) csrf_token: String,
    pub(crate) http: reqwest::Client,
}

impl Client {
    pub(super) fn stranger(authority: String) -> Self {
        Client { authority, user: Value::Null, cookie: String::new(), csrf_token: String::new(), http: reqwest::Client::new() }
    }

    /// A client of the same server without a session.
    pub(crate) fn signed_out(&self) -> Self {
        Client::stranger(self.authority.clone())
    }

    /// Somebody with a new account.
    pub(crate) async fn sign_up(&self, name: &str) -> Self {
        self.try_sign_up(name).await.expect("signing up failed")
    }

    pub(super) async fn try_sign_up(&self, name: &str) -> Option<Self> {
        let email = format!("{}@example.com", uuid::Uuid::now_v7().simple());
        let body = json!({ "email": email, "name": name, "password": PASSWORD });
        let answer = self.signed_out().post("/api/v1/users", body).await;
        (answer.status == StatusCode::CREATED).then(|| self.with(&answer))
    }

    /// The client that an answer signed in.
    pub(crate) fn with(&self, answer: &Answer) -> Self {
        Client {
            user: answer.body["user"].clone(),
            cookie: cookie(&answer.headers),
            csrf_token: answer.body["csrf_token"].as_str().unwrap().to_owned(),
            ..self.signed_out()
        }
    }

    /// The same person, with the same session, at this server.
    pub(crate) fn with_session_of(&self, other: &Client) -> Self {
        Client { authority: self.authority.clone(), ..other.clone() }
    }

    /// The account's id.
    pub(crate) fn id(&self) -> &str {
        self.user["id"].as_str().unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let safe = method.is_safe();
        let mut request = self.http.request(method, format!("http://{}{path}", self.authority));
        if !self.cookie.is_empty() {
            request = request.header(COOKIE, &self.cookie);
            if !safe {
                request = request.header("x-csrf-token", &self.csrf_token);
            }
        }
        request
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// Changes a task as it was seen.
    pub(crate) async fn change_task(&self, task: &Value, change: Value) -> Answer {
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        send(self.request(Method::PATCH, &path).header("if-match", format!("\"{}\"", task["version"])).json(&change)).await
    }

    /// Creates a task, which must succeed.
    pub(crate) async fn create_task(&self, title: &str) -> Value {
        self.create(json!({ "title": title })).await
    }

    /// Creates a task with more than a title, which must succeed.
    pub(crate) async fn create(&self, task: Value) -> Value {
        let answer = self.post("/api/v1/tasks", task).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body
    }

    /// Completes a task, which must succeed.
    pub(crate) async fn complete_task(&self, task: &Value) -> Value {
        let path = format!("/api/v1/tasks/{}/complete", task["id"].as_str().unwrap());
        let answer = send(self.request(Method::POST, &path)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    }

    /// Opens a live connection and takes the greeting.
    pub(crate) async fn socket(&self) -> Socket {
        Socket::open(&self.authority, &self.cookie, "").await.0
    }

    /// Opens a live connection that goes on after an event, and returns the greeting as well.
    pub(crate) async fn socket_after(&self, last_event_id: &str) -> (Socket, Value) {
        Socket::open(&self.authority, &self.cookie, &format!("?last_event_id={last_event_id}")).await
    }
}

/// What a browser would send back.
fn cookie(headers: &HeaderMap) -> String {
    headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}
