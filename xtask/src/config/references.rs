//! What compose files take from outside.

use regex_lite::Regex;

/// The variables that stand in the text of a compose file as `$NAME`, `${NAME…}` or `${NAME:-default}`, in their order, with their defaults. One whose
/// default is another variable has none here.
pub(crate) fn references(text: &str) -> Vec<(String, Option<String>)> {
    // `$$` is a dollar sign.
    let plain = text.replace("$$", "");
    let name = "[A-Za-z_][A-Za-z0-9_]*";
    let Ok(pattern) = Regex::new(&format!(r"\$(?:\{{({name})(?::?-([^${{}}]+)\}})?|({name}))")) else { return Vec::new() };
    let text = |found: Option<regex_lite::Match<'_>>| found.map(|found| found.as_str().to_owned());
    pattern.captures_iter(&plain).filter_map(|found| Some((text(found.get(1).or_else(|| found.get(3)))?, text(found.get(2))))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_found() {
        let found = references("a: $A ${B} ${C:-1} ${D-x:2@y} ${E:?no} $${F:-3} ${G:-${H:-4}} ${I:-}");
        let found: Vec<String> = found.into_iter().map(|(name, default)| format!("{name}={}", default.unwrap_or_default())).collect();
        assert_eq!(found, ["A=", "B=", "C=1", "D=x:2@y", "E=", "G=", "H=4", "I="]);
    }
}
