//! Exports: files with all tasks, which the worker writes.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Backend, BackendError, Caller, exchange};

/// An export that somebody asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    /// Names the export.
    pub id: String,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    /// How many tasks are written.
    pub rows_done: u64,
    /// How many there are to write, once that is known.
    pub rows_total: Option<u64>,
    /// When it was asked for, RFC 3339.
    pub created_at: String,
    /// Where it can be read, once it is done.
    pub url: Option<String>,
}

#[derive(Deserialize)]
struct Exports {
    exports: Vec<Export>,
}

impl Backend {
    /// The caller's newest exports.
    pub async fn exports(&self, caller: &Caller) -> Result<Vec<Export>, BackendError> {
        exchange::<Exports>(self.get("/api/v1/exports", caller)).await.map(|list| list.exports)
    }

    /// Asks for an export of all tasks that the caller sees.
    pub async fn export(&self, caller: &Caller) -> Result<Export, BackendError> {
        exchange(self.request(Method::POST, "/api/v1/exports", caller).json(&json!({}))).await
    }
}
