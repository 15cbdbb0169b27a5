//! What was found: for people, as JSON, and as JUnit XML. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::blame::broken;
use crate::outcome::{Kind, Outcome};
use crate::suite::Component;

/// All outcomes, and what they mean.
pub(crate) struct Report<'a> {
    outcomes: &'a [Outcome],
    components: &'a BTreeMap<String, Component>,
    broken: Vec<String>,
    time: Duration,
}

impl<'a> Report<'a> {
    /// Of `outcomes`, which took `time` together.
    pub(crate) fn new(outcomes: &'a [Outcome], components: &'a BTreeMap<String, Component>, time: Duration) -> Self {
        let mut found: BTreeMap<&str, Kind> = BTreeMap::new();
        for (component, kind) in outcomes.iter().filter_map(|outcome| Some((outcome.component.as_str(), outcome.fault.as_ref()?.kind))) {
            let worst = found.entry(component).or_insert(kind);
            *worst = kind.max(*worst);
        }
        Self { outcomes, components, broken: broken(components, &found), time }
    }

    /// Whether nothing failed.
    pub(crate) fn ok(&self) -> bool {
        self.failed() == 0
    }

    fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.fault.is_some()).count()
    }

    fn of<'s>(&'s self, component: &'s str) -> impl Iterator<Item = &'s Outcome> {
        self.outcomes.iter().filter(move |outcome| outcome.component == component)
    }

    fn hint<'s>(&'s self, outcome: &'s Outcome) -> Option<&'s str> {
        outcome.hint.as_deref().or_else(|| self.components.get(&outcome.component)?.hint.as_deref())
    }

    /// For people: what is broken and what to do, then what follows from it, then the sum.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for component in &self.broken {
            let _ = writeln!(text, "broken: {component}");
            let failed: Vec<&Outcome> = self.of(component).filter(|outcome| outcome.fault.is_some()).collect();
            for outcome in &failed {
                let detail = outcome.fault.as_ref().map_or("", |fault| fault.detail.as_str());
                // A terminal would do what control characters of an answer say.
                let _ = writeln!(text, "  {}: {}", outcome.name, detail.replace(char::is_control, " "));
            }
            // What the engine sees is known for sure: what else could be done would be no help.
            let seen = |outcome: &&&Outcome| outcome.hint.is_some() && outcome.fault.as_ref().is_some_and(|fault| fault.kind >= Kind::Seen);
            let sure: Vec<&Outcome> = failed.iter().filter(seen).copied().collect();
            let mut hints: Vec<&str> =
                if sure.is_empty() { &failed } else { &sure }.iter().filter_map(|outcome| self.hint(outcome)).collect();
            hints.dedup();
            for hint in hints {
                let _ = writeln!(text, "  hint: {hint}");
            }
        }
        let mut others: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in self.outcomes.iter().filter(|outcome| outcome.fault.is_some() && !self.broken.contains(&outcome.component)) {
            *others.entry(&outcome.component).or_default() += 1;
        }
        if !others.is_empty() {
            let list: Vec<String> = others.iter().map(|(component, count)| format!("{component} ({count})")).collect();
            let _ = writeln!(text, "fails because of that: {}", list.join(", "));
        }
        let passed = self.outcomes.len() - self.failed();
        let _ = write!(text, "{passed} passed, {} failed, in {:.2} s", self.failed(), self.time.as_secs_f64());
        text
    }

    /// One line for each check.
    pub(crate) fn lines(&self) -> Vec<String> {
        let width = self.outcomes.iter().map(|outcome| outcome.component.len()).max().unwrap_or_default();
        let line = |outcome: &Outcome| {
            let verdict = if outcome.fault.is_some() { "failed" } else { "ok    " };
            format!("{verdict} {:width$}  {:>5} ms  {}", outcome.component, outcome.time.as_millis(), outcome.name)
        };
        self.outcomes.iter().map(line).collect()
    }

    /// For programs. Fields are added, never renamed.
    pub(crate) fn json(&self) -> Value {
        let check = |outcome: &Outcome| {
            json!({
                "name": outcome.name,
                "component": outcome.component,
                "ok": outcome.fault.is_none(),
                "ms": outcome.time.as_millis() as u64,
                "detail": outcome.fault.as_ref().map(|fault| fault.detail.as_str()),
                "hint": outcome.fault.as_ref().and_then(|_| self.hint(outcome)),
            })
        };
        let checks: Vec<Value> = self.outcomes.iter().map(check).collect();
        json!({ "schema": 1, "passed": self.outcomes.len() - self.failed(), "failed": self.failed(), "broken": self.broken, "checks": checks })
    }

    /// For whoever collects test results: a suite for each component.
    pub(crate) fn junit(&self) -> String {
        let mut components: Vec<&str> = self.outcomes.iter().map(|outcome| outcome.component.as_str()).collect();
        components.sort_unstable();
        components.dedup();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            xml,
            "<testsuites name=\"smoke\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
            self.outcomes.len(),
            self.failed(),
            self.time.as_secs_f64()
        );
        for component in components {
            let all: Vec<&Outcome> = self.of(component).collect();
            let failed = all.iter().filter(|outcome| outcome.fault.is_some()).count();
            let time: f64 = all.iter().map(|outcome| outcome.time.as_secs_f64()).sum();
            let name = escape(component);
            let _ = writeln!(xml, "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" time=\"{time:.3}\">", all.len());
            for outcome in all {
                let time = outcome.time.as_secs_f64();
                let _ = write!(xml, "    <testcase classname=\"smoke.{name}\" name=\"{}\" time=\"{time:.3}\"", escape(&outcome.name));
                match &outcome.fault {
                    None => xml.push_str("/>\n"),
                    Some(fault) => {
                        let hint = self.hint(outcome).map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                        let _ = writeln!(
                            xml,
                            ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                            escape(&fault.detail),
                            escape(&format!("{}{hint}", fault.detail))
                        );
                    }
                }
            }
            xml.push_str("  </testsuite>\n");
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

/// As XML has it; control characters have no place there.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fault;

    fn outcomes() -> Vec<Outcome> {
        let outcome = |name: &str, component: &str, fault| Outcome {
            name: name.to_owned(),
            component: component.to_owned(),
            time: Duration::from_millis(12),
            fault,
            hint: None,
        };
        vec![
            outcome("pages are served", "frontend", Some(Fault::unanswered("status 503"))),
            outcome("the database answers", "db", Some(Fault::wrong("`/ok` is \u{7}false & <no>"))),
            outcome("the proxy answers", "proxy", None),
        ]
    }

    fn components() -> BTreeMap<String, Component> {
        let db = Component { hint: Some("`cargo xtask logs db` says why".to_owned()), ..Component::default() };
        let frontend = Component { needs: ["db".to_owned()].into(), ..Component::default() };
        BTreeMap::from([("db".to_owned(), db), ("frontend".to_owned(), frontend), ("proxy".to_owned(), Component::default())])
    }

    #[test]
    fn people_read_what_is_broken_first() {
        let (outcomes, components) = (outcomes(), components());
        let report = Report::new(&outcomes, &components, Duration::from_millis(40));
        insta::assert_snapshot!("people", report.text());
        insta::assert_snapshot!("lines", report.lines().join("\n"));
        let well = Report::new(&outcomes[2..], &components, Duration::from_millis(40));
        assert!(well.ok() && !report.ok());
        assert_eq!(well.text(), "1 passed, 0 failed, in 0.04 s");
    }

    #[test]
    fn what_the_engine_sees_is_mended_as_it_says() {
        let mut outcomes = outcomes();
        let hint = Some("`cargo xtask up` connects it again".to_owned());
        outcomes.push(Outcome { name: "runs: db".to_owned(), fault: Some(Fault::seen("it is cut off")), hint, ..outcomes[1].clone() });
        let components = components();
        let text = Report::new(&outcomes, &components, Duration::from_millis(40)).text();
        assert!(text.contains("broken: db\n") && text.contains("  hint: `cargo xtask up` connects it again\nfails"), "{text}");
        assert!(!text.contains("xtask logs db"), "{text}");
    }

    #[test]
    fn programs_read_the_documented_fields() {
        let (outcomes, components) = (outcomes(), components());
        let report = Report::new(&outcomes, &components, Duration::from_millis(40));
        insta::assert_snapshot!("json", serde_json::to_string_pretty(&report.json()).expect("JSON"));
        insta::assert_snapshot!("junit", report.junit());
    }
}
