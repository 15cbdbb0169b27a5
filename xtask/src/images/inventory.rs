//! The images that an environment uses, those that are missing included.

use std::collections::BTreeMap;

use super::base::{self, Variable};
use crate::model::Model;

/// What the engine says about an image that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its id, shortened.
    pub(crate) id: String,
    /// Its size as the engine writes it.
    pub(crate) size: String,
    /// Its age as the engine writes it.
    pub(crate) age: String,
}

/// One image that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name with its tag.
    pub(crate) image: String,
    /// What is known about it; nothing when it is missing.
    pub(crate) facts: Option<Facts>,
    /// Who uses it.
    pub(crate) purpose: String,
}

/// Parses the lines of `commands::images::list`.
pub(crate) fn parse(text: &str) -> BTreeMap<String, Facts> {
    let lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    lines.filter_map(|mut cells| Some((cells.next()?, Facts { id: cells.next()?, size: cells.next()?, age: cells.next()? }))).collect()
}

/// Our own images of `model`, then the base images that `variables` name: the official one or, where only that is here, its local equivalent.
pub(crate) fn entries(
    model: &Model,
    variables: &[Variable],
    here: &BTreeMap<String, Facts>,
    local: &BTreeMap<String, String>,
) -> Vec<Entry> {
    let entry = |image: &str, purpose: String| Entry { image: image.to_owned(), facts: here.get(image).cloned(), purpose };
    let users = |image: &str| {
        let services = model.services.iter().filter(|(_, service)| service.image.as_deref() == Some(image));
        services.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut entries: Vec<Entry> = model.builds().into_keys().map(|image| entry(image, users(image))).collect();
    let ids = here.iter().map(|(image, facts)| (image.clone(), facts.id.clone())).collect();
    let chosen: BTreeMap<String, String> = base::choose(variables, &ids, local).into_iter().collect();
    for variable in variables {
        let services = users(&variable.official);
        let purpose = if services.is_empty() { "builds".to_owned() } else { services };
        entries.push(entry(chosen.get(&variable.name).unwrap_or(&variable.official), purpose));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::sample;

    #[test]
    fn own_images_come_first_and_missing_ones_are_listed() {
        let here = parse(
            "slipway/backend:main\t0123456789ab\t98MB\t2 hours ago\nredis:8\taaaaaaaaaaaa\t90MB\t3 weeks ago\nslipway/base-rust:1\tbbbbbbbbbbbb\t858MB\t1 minute ago\n",
        );
        let variables = [("REDIS_IMAGE", "redis:8"), ("POSTGRES_IMAGE", "postgres:17"), ("RUST_IMAGE", "rust:1")]
            .map(|(name, official)| Variable { name: name.to_owned(), official: official.to_owned() });
        let local = BTreeMap::from([("rust".to_owned(), "slipway/base-rust:1".to_owned())]);
        let lines: Vec<String> = entries(&sample(), &variables, &here, &local)
            .iter()
            .map(|entry| format!("{} {} {}", entry.image, entry.facts.as_ref().map_or("missing", |facts| &facts.id), entry.purpose))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        slipway/backend:main 0123456789ab backend, migrate
        slipway/frontend:main missing frontend
        slipway/proxy:main missing proxy
        redis:8 aaaaaaaaaaaa redis
        postgres:17 missing db
        slipway/base-rust:1 bbbbbbbbbbbb builds
        ");
    }
}
