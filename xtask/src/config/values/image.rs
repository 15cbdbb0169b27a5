//! Names of images.

use std::fmt;

use toml::Value;

use super::shown;

/// What the names of our images begin with: `slipway`, or a registry with a path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Repository(String);

impl TryFrom<Value> for Repository {
    type Error = String;

    /// The reference grammar of the distribution specification, without a tag.
    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().unwrap_or_default();
        let is_part = |part: &str| {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
            part.chars().all(allowed)
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        let (first, rest) = text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)));
        // Only a registry has a port, and it comes first.
        let (registry, port) = first.split_once(':').unwrap_or((first, "0"));
        let good_port = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()) && (rest.is_some() || !first.contains(':'));
        if text.len() <= 200 && is_part(registry) && good_port && rest.is_none_or(|rest| rest.split('/').all(is_part)) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{} is not a place for images: write a name, or a registry and a path, for example \"registry.example.com/board\"",
            shown(&value)
        ))
    }
}

impl Repository {
    /// The registry that it names, if it does: as the engine decides it, which takes any other name for one of its default registry.
    pub(crate) fn registry(&self) -> Option<&str> {
        let (first, _) = self.0.split_once('/')?;
        (first.contains(['.', ':']) || first == "localhost").then_some(first)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of our images run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Tag {
    /// Those of this instance, built from the working tree as it is.
    Instance,
    /// Those of the commit that is checked out.
    Commit,
    /// Those with this tag, which somebody else built.
    Pinned(String),
}

impl TryFrom<Value> for Tag {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match text {
            "instance" => Ok(Self::Instance),
            "commit" => Ok(Self::Commit),
            _ if (1..=128).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with(['.', '-']) => {
                Ok(Self::Pinned(text.to_owned()))
            }
            _ => Err(format!("{} is not a tag: write \"instance\", \"commit\", or a tag such as \"1.4.2\"", shown(&value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_told_from_a_path_as_the_engine_does_it() {
        let registry = |text: &str| Repository(text.to_owned()).registry().map(str::to_owned);
        assert_eq!(registry("registry.example.com/board").as_deref(), Some("registry.example.com"));
        assert_eq!(registry("registry:5000/team/board").as_deref(), Some("registry:5000"));
        assert_eq!(registry("localhost/board").as_deref(), Some("localhost"));
        for own in ["slipway", "team/board", "registry.example.com"] {
            assert_eq!(registry(own), None, "{own}");
        }
    }

    #[test]
    fn repositories_are_names_or_registries_with_a_path() {
        for good in ["slipway", "registry.example.com/board", "registry.example.com:5000/team/board", "localhost:5000/x"] {
            assert_eq!(Repository::try_from(Value::from(good)).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "/", "a/", "Board", "a b", "a:tag", "registry:x/a", "https://a/b", "-a", "a//b", "$(x)"] {
            assert!(Repository::try_from(Value::from(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_are_two_words_or_what_a_registry_takes() {
        let tag = |text: &str| Tag::try_from(Value::from(text));
        assert_eq!(
            [tag("instance"), tag("commit"), tag("1.4.2")],
            [Ok(Tag::Instance), Ok(Tag::Commit), Ok(Tag::Pinned("1.4.2".to_owned()))]
        );
        for bad in ["", ".x", "-x", "a b", "a:b", "a/b"] {
            assert!(tag(bad).is_err(), "{bad}");
        }
        assert!(Tag::try_from(Value::Integer(1)).is_err());
    }
}
