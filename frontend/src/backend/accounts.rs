//! People: sessions, the caller's own account, and everybody a task can be given to.

use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Backend, BackendError, Caller, Cookies, exchange, read};

/// How long an exchange may take that checks a password: the backend makes those wait that guess.
const PASSWORD_TIMEOUT: Duration = Duration::from_secs(7);

/// Somebody, as others see them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// Names the person in forms.
    pub id: String,
    /// What others call them.
    pub name: String,
}

/// Somebody, as they see themselves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// The same as in [`Person`].
    pub id: String,
    /// The address they sign in with.
    pub email: String,
    /// What others call them.
    pub name: String,
    /// `user` or `admin`. Pages show it; the backend decides by it.
    pub role: String,
}

/// A session that the backend knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub user: Account,
    /// Proves that a form comes from a page of this session.
    pub csrf_token: String,
}

#[derive(Deserialize)]
struct People {
    users: Vec<Person>,
}

impl Backend {
    /// The caller's session.
    pub async fn session(&self, caller: &Caller) -> Result<Session, BackendError> {
        if !caller.has_session() {
            return Err(BackendError::SignedOut);
        }
        exchange(self.get("/api/v1/session", caller)).await
    }

    /// Begins a session of an account that exists.
    pub async fn sign_in(&self, email: &str, password: &str, caller: &Caller) -> Result<Cookies, BackendError> {
        self.change_session(Method::POST, "/api/v1/sessions", &json!({ "email": email, "password": password }), caller).await
    }

    /// Makes an account, and begins its first session.
    pub async fn sign_up(&self, name: &str, email: &str, password: &str, caller: &Caller) -> Result<Cookies, BackendError> {
        self.change_session(Method::POST, "/api/v1/users", &json!({ "name": name, "email": email, "password": password }), caller).await
    }

    /// Ends the caller's session.
    pub async fn sign_out(&self, caller: &Caller) -> Result<Cookies, BackendError> {
        let (_, cookies) = read::<()>(self.request(Method::DELETE, "/api/v1/session", caller).send().await?).await?;
        Ok(cookies)
    }

    /// Changes the caller's password; their other sessions end.
    pub async fn change_password(&self, current: &str, new: &str, caller: &Caller) -> Result<Cookies, BackendError> {
        self.change_session(Method::PUT, "/api/v1/account/password", &json!({ "current_password": current, "new_password": new }), caller)
            .await
    }

    /// Asks for a mail with a link that sets a new password.
    pub async fn request_reset(&self, email: &str, caller: &Caller) -> Result<(), BackendError> {
        exchange(self.request(Method::POST, "/api/v1/password-resets", caller).json(&json!({ "email": email }))).await
    }

    /// Sets a new password with the token of such a link.
    pub async fn reset_password(&self, token: &str, new: &str, caller: &Caller) -> Result<Cookies, BackendError> {
        let request = self.request(Method::POST, "/api/v1/password-resets/complete", caller).timeout(PASSWORD_TIMEOUT);
        let (_, cookies) = read::<()>(request.json(&json!({ "token": token, "new_password": new })).send().await?).await?;
        Ok(cookies)
    }

    /// Changes the caller's name.
    pub async fn rename(&self, name: &str, caller: &Caller) -> Result<Account, BackendError> {
        exchange(self.request(Method::PATCH, "/api/v1/account", caller).json(&json!({ "name": name }))).await
    }

    /// Whom a task can be given to.
    pub async fn people(&self, caller: &Caller) -> Result<Vec<Person>, BackendError> {
        exchange::<People>(self.get("/api/v1/users", caller)).await.map(|people| people.users)
    }

    async fn change_session(&self, method: Method, path: &str, body: &serde_json::Value, caller: &Caller) -> Result<Cookies, BackendError> {
        let response = self.request(method, path, caller).timeout(PASSWORD_TIMEOUT).json(body).send().await?;
        read::<Session>(response).await.map(|(_, cookies)| cookies)
    }
}
