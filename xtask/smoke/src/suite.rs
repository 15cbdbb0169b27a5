//! The file: which components there are, and what is asked of each. docs/smoke.md explains it.

mod fields;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use serde_json::Value;

use self::fields::{duration, method, ports, some_duration, some_time, status, time};

/// A suite of checks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Suite {
    /// What a check has unless it says otherwise.
    pub(crate) defaults: Defaults,
    /// What can be broken.
    pub(crate) components: BTreeMap<String, Component>,
    /// What is asked at the same time.
    #[serde(rename = "check")]
    pub(crate) checks: Vec<Check>,
    /// What is done one step after the other.
    #[serde(rename = "journey")]
    pub(crate) journeys: Vec<Journey>,
}

/// What a check has unless it says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct Defaults {
    /// How long one answer may take.
    #[serde(deserialize_with = "time")]
    pub(crate) timeout: Duration,
    /// For how long a check that fails is tried again.
    #[serde(deserialize_with = "duration")]
    pub(crate) retry: Duration,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), retry: Duration::ZERO }
    }
}

/// Something that can be broken.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct Component {
    /// What its answers come through: where that is broken, nothing is known of this.
    pub(crate) through: BTreeSet<String>,
    /// What it cannot work without.
    pub(crate) needs: BTreeSet<String>,
    /// What answers about other things say where this is the reason.
    pub(crate) says: Option<String>,
    /// What to do when it is broken.
    pub(crate) hint: Option<String>,
    /// The same where the stack is elsewhere, and no command here leads to it.
    pub(crate) hint_elsewhere: Option<String>,
}

/// One question and what is right; or one step of a journey.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct Check {
    /// What it is called; no other has this name.
    pub(crate) name: String,
    /// What is broken if it fails; a step has that of its journey.
    pub(crate) component: Option<String>,
    /// What it can be chosen by.
    pub(crate) tags: BTreeSet<String>,
    /// Where it is asked at all.
    pub(crate) when: Option<When>,
    /// Services that the stack has to have for it to be asked at all.
    pub(crate) with: BTreeSet<String>,
    /// What to do, where the component says too little.
    pub(crate) hint: Option<String>,
    /// The same where the stack is elsewhere.
    pub(crate) hint_elsewhere: Option<String>,
    /// How long one answer may take.
    #[serde(deserialize_with = "some_time")]
    pub(crate) timeout: Option<Duration>,
    /// For how long it is tried again.
    #[serde(deserialize_with = "some_duration")]
    pub(crate) retry: Option<Duration>,
    /// Asks over HTTP.
    pub(crate) request: Option<Request>,
    /// Opens a WebSocket at this path, which stays open for the steps that follow.
    pub(crate) socket: Option<String>,
    /// Waits for a message on that socket; others are passed over.
    pub(crate) receive: Option<Fields>,
    /// Host ports on which nobody may answer.
    #[serde(deserialize_with = "ports")]
    pub(crate) closed: Vec<u16>,
    /// Whether a service is well, as the engine sees it: its name, or `*` for all of them.
    pub(crate) service: Option<String>,
    /// For how many days the certificate must still be valid.
    pub(crate) certificate_days: Option<i64>,
    /// What is right about an answer.
    pub(crate) expect: Expect,
    /// What later steps call `{name}`.
    pub(crate) capture: BTreeMap<String, Source>,
}

/// What a check needs to be asked.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    /// The stack is on this machine, so its engine and its host ports can be asked.
    Here,
    /// It is somewhere else.
    Elsewhere,
    /// The address begins with `https`.
    Https,
    /// The address begins with `http:`.
    Http,
}

/// A request. Texts may have `{names}` in them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct Request {
    /// GET unless it says otherwise.
    #[serde(deserialize_with = "method")]
    pub(crate) method: Option<Method>,
    /// From the root of the address.
    pub(crate) path: String,
    /// Headers.
    pub(crate) headers: BTreeMap<String, String>,
    /// A body of JSON.
    pub(crate) json: Option<Value>,
    /// A body as a form sends it.
    pub(crate) form: Option<BTreeMap<String, String>>,
    /// A file, as a form sends it.
    pub(crate) upload: Option<Upload>,
}

/// A file that is sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct Upload {
    /// The name of the form's field.
    pub(crate) field: String,
    /// The name of the file.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) content: String,
}

/// Values of a JSON document by JSON pointer (RFC 6901).
pub(crate) type Fields = BTreeMap<String, Value>;

/// What is right.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct Expect {
    /// The status.
    #[serde(deserialize_with = "status")]
    pub(crate) status: Option<u16>,
    /// Headers, by name.
    pub(crate) headers: BTreeMap<String, Text>,
    /// Headers that must not be there.
    pub(crate) no_headers: Vec<String>,
    /// Texts that are in the body.
    pub(crate) body: Vec<String>,
    /// Texts that must not be in it.
    pub(crate) no_body: Vec<String>,
    /// Values of a body of JSON.
    pub(crate) json: Fields,
    /// Numbers of a body of JSON, and what they may be at most.
    pub(crate) json_at_most: BTreeMap<String, f64>,
    /// How long the answer may take.
    #[serde(deserialize_with = "some_time")]
    pub(crate) within: Option<Duration>,
}

/// What a header is to be.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged, expecting = "no text, no `{ has = \"part\" }` and no `{ matches = \"expression\" }`")]
pub(crate) enum Text {
    /// This.
    Is(String),
    /// A text with this in it.
    Has {
        /// The part.
        has: String,
    },
    /// A text that this regular expression finds something in.
    Matches {
        /// The expression.
        matches: String,
    },
}

/// Where a value is taken from: a table with one of these keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>")]
pub(crate) enum Source {
    /// The value at a JSON pointer.
    Json(String),
    /// A header.
    Header(String),
    /// The first group of a regular expression, in the body.
    Body(String),
}

/// Steps one after the other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(crate) struct Journey {
    /// What it is called.
    pub(crate) name: String,
    /// What is broken if one of its steps fails that does not say otherwise.
    pub(crate) component: String,
    /// What it can be chosen by.
    pub(crate) tags: BTreeSet<String>,
    /// Where it is done at all.
    pub(crate) when: Option<When>,
    /// Services that the stack has to have for it to be done at all.
    pub(crate) with: BTreeSet<String>,
    /// What is done, up to the first failure.
    #[serde(rename = "step")]
    pub(crate) steps: Vec<Check>,
    /// What is done afterwards in any case, where all that it names was captured.
    #[serde(rename = "cleanup")]
    pub(crate) cleanups: Vec<Check>,
}
