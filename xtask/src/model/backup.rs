//! What the compose files say about data: their volumes, and our own key `x-backup`.

use std::collections::BTreeSet;
use std::path::Path;

use backup::{Kind, Source};
use serde::Deserialize;

use super::Model;

/// An entry of the top-level `volumes` or `networks`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Named {
    /// What the engine calls it.
    pub(crate) name: String,
}

/// An entry of `x-backup`: what is done about a volume.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keep {
    /// How it is backed up, or `none`.
    kind: Decision,
    /// The volume, where it is not called as the part is.
    volume: Option<String>,
}

/// What is done about a volume.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Decision {
    /// It is dumped by the database.
    Postgres,
    /// It is dumped by Redis.
    Redis,
    /// Its files are copied.
    Files,
    /// Nothing: it can be made again.
    None,
}

/// A part of the stack's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    /// What the agent is told of it.
    pub(crate) source: Source,
    /// What the engine calls its volume.
    pub(crate) volume: String,
}

impl Model {
    /// The parts that are backed up: databases first, because what their rows name must be there when files are copied.
    pub(crate) fn data(&self) -> Vec<Data> {
        let mut parts: Vec<Data> = self.backup.iter().filter_map(|(name, keep)| self.part(name, keep)).collect();
        parts.sort_by_key(|data| data.source.kind == Kind::Files);
        parts
    }

    /// The services that run the databases of `data`.
    pub(crate) fn servers(&self, data: &[Data]) -> BTreeSet<String> {
        let volumes: Vec<&String> = data.iter().filter(|data| data.source.kind != Kind::Files).map(|data| &data.volume).collect();
        let is_one = |key: &Path| key.to_str().and_then(|key| self.volumes.get(key)).is_some_and(|named| volumes.contains(&&named.name));
        self.services.iter().filter(|(_, service)| service.named_volumes().any(is_one)).map(|(name, _)| name.clone()).collect()
    }

    fn part(&self, name: &str, keep: &Keep) -> Option<Data> {
        let kind = match keep.kind {
            Decision::Postgres => Kind::Postgres,
            Decision::Redis => Kind::Redis,
            Decision::Files => Kind::Files,
            Decision::None => return None,
        };
        // One that no service uses is not there.
        let volume = self.volumes.get(keep.volume.as_deref().unwrap_or(name))?;
        Some(Data { source: Source { name: name.to_owned(), kind }, volume: volume.name.clone() })
    }

    /// The databases that are to be backed up and are not here: somebody else runs them.
    pub(crate) fn elsewhere(&self) -> Vec<&str> {
        let server = |keep: &Keep| matches!(keep.kind, Decision::Postgres | Decision::Redis);
        let away = |(name, keep): &(&String, &Keep)| server(keep) && !self.volumes.contains_key(keep.volume.as_deref().unwrap_or(name));
        self.backup.iter().filter(away).map(|(name, _)| name.as_str()).collect()
    }

    /// The volumes that `x-backup` says nothing of.
    pub(crate) fn undecided(&self) -> Vec<&str> {
        let decided = |volume: &str| self.backup.iter().any(|(name, keep)| keep.volume.as_deref().unwrap_or(name) == volume);
        self.volumes.keys().map(String::as_str).filter(|volume| !decided(volume)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Model;

    fn model(keep: &str) -> Model {
        let volumes =
            r#"{"media":{"name":"slipway_media"},"postgres-data":{"name":"slipway_postgres-data"},"target":{"name":"slipway_target"}}"#;
        Model::parse(&format!(r#"{{"services":{{}},"volumes":{volumes},"x-backup":{keep}}}"#)).expect("a model")
    }

    #[test]
    fn databases_come_first_and_what_no_service_uses_not_at_all() {
        let all = model(
            r#"{"a":{"kind":"files","volume":"media"},"db":{"kind":"postgres","volume":"postgres-data"},"redis":{"kind":"redis"},"target":{"kind":"none"}}"#,
        );
        let parts: Vec<(String, String)> = all.data().into_iter().map(|data| (data.source.name, data.volume)).collect();
        let pair = |name: &str, volume: &str| (name.to_owned(), volume.to_owned());
        assert_eq!(parts, [pair("db", "slipway_postgres-data"), pair("a", "slipway_media")]);
        assert_eq!(all.undecided(), Vec::<&str>::new());
        assert_eq!(all.elsewhere(), ["redis"]);
    }

    #[test]
    fn a_volume_without_a_decision_is_named() {
        assert_eq!(model(r#"{"media":{"kind":"files"}}"#).undecided(), ["postgres-data", "target"]);
    }
}
