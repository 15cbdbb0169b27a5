//! The variables that lead tests on the host to a running stack: `x-tests` of the compose files, filled in.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::engine::containers::Container;
use crate::model::Model;

/// The `x-tests` of `model`, with addresses and secrets.
///
/// # Errors
/// When a placeholder names a port that is not published or a secret that is not there.
pub(crate) fn filled(model: &Model, containers: &[Container]) -> anyhow::Result<BTreeMap<String, String>> {
    let address = |argument: &str| {
        let (service, port) = argument.split_once(':')?;
        let container = containers.iter().find(|container| container.service() == service)?;
        container.host_port(port.parse().ok()?).map(|port| format!("127.0.0.1:{port}"))
    };
    let secret = |name: &str| {
        let file = model.secrets.get(name)?.file.as_ref()?;
        std::fs::read_to_string(file).ok().map(|value| value.trim().to_owned())
    };
    let lookup = |kind: &str, argument: &str| match kind {
        "address" => address(argument),
        "secret" => secret(argument),
        _ => None,
    };
    let fill = |(name, template): (&String, &String)| {
        Ok((name.clone(), fill(template, lookup).with_context(|| format!("cannot fill in `{name}` of `x-tests`"))?))
    };
    model.tests.iter().map(fill).collect()
}

/// Replaces each `{kind:argument}`.
fn fill(template: &str, lookup: impl Fn(&str, &str) -> Option<String>) -> anyhow::Result<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, from)) = rest.split_once('{') {
        let (placeholder, after) = from.split_once('}').with_context(|| format!("`{template}` has a `{{` without `}}`"))?;
        let value = placeholder.split_once(':').and_then(|(kind, argument)| lookup(kind, argument));
        filled.push_str(before);
        filled.push_str(&value.with_context(|| format!("there is nothing for `{{{placeholder}}}`"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let lookup = |kind: &str, argument: &str| (kind == "address").then(|| format!("127.0.0.1:1{argument}"));
        assert_eq!(fill("redis://{address:6379}/1", lookup).expect("filled"), "redis://127.0.0.1:16379/1");
        assert_eq!(fill("{secret:x}", lookup).expect_err("unknown").to_string(), "there is nothing for `{secret:x}`");
        assert_eq!(fill("a{b", lookup).expect_err("open").to_string(), "`a{b` has a `{` without `}`");
    }
}
