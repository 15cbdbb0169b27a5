//! Whether an answer is right, and what is taken from it. Pure.

use std::time::Duration;

use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use crate::outcome::{Answer, Fault};
use crate::suite::{Expect, Fields, Source, Text};
use crate::values::{Unknown, Values};

/// What a proxy says of whom it cannot reach, or what a service says of itself while it cannot work.
const AWAY: [u16; 3] = [502, 503, 504];
/// Asked too much at once.
const TOO_MANY: u16 = 429;
/// When to ask again then, where the answer does not say it.
const LATER: Duration = Duration::from_secs(1);
/// So much of a text is shown.
const SHOWN: usize = 120;
/// So many bytes a regular expression may take: how long it searches is its size times that of the text.
const EXPRESSION: usize = 64 << 10;

/// `pattern` as a regular expression.
///
/// # Errors
/// When it is none, or one that is too large.
pub(crate) fn expression(pattern: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(pattern).size_limit(EXPRESSION).build()
}

/// Whether an answer of `status` that took `time` is right.
///
/// # Errors
/// The first thing that is not.
pub(crate) fn judge(expect: &Expect, values: &Values, status: u16, answer: &Answer, time: Duration) -> Result<(), Fault> {
    if let Some(expected) = expect.status.filter(|expected| *expected != status) {
        let detail = format!("status {status} instead of {expected}{}", said(answer));
        let later = answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).map_or(LATER, Duration::from_secs);
        return Err(match status {
            TOO_MANY => Fault { later: Some(later), ..Fault::wrong(detail) },
            status if AWAY.contains(&status) => Fault::unanswered(detail),
            _ => Fault::wrong(detail),
        });
    }
    for (name, text) in &expect.headers {
        header(name, text, values, answer)?;
    }
    for name in &expect.no_headers {
        if let Some(value) = answer.header(name) {
            return Err(Fault::wrong(format!("the header `{name}` is there: `{}`", short(value))));
        }
    }
    for text in &expect.body {
        let text = fill(values, text)?;
        if !answer.body.contains(&text) {
            return Err(Fault::wrong(format!("`{text}` is not in the answer{}", said(answer))));
        }
    }
    for text in &expect.no_body {
        let text = fill(values, text)?;
        if answer.body.contains(&text) {
            return Err(Fault::wrong(format!("`{text}` is in the answer, and should not be")));
        }
    }
    if !expect.json.is_empty() || !expect.json_at_most.is_empty() {
        let Some(json) = &answer.json else {
            let detail = format!("status {status}, and no JSON{}", said(answer));
            return Err(if AWAY.contains(&status) { Fault::unanswered(detail) } else { Fault::wrong(detail) });
        };
        // A proxy that reaches nobody says so in JSON, too, which says nothing of what was asked.
        let mut asked = expect.json.keys().chain(expect.json_at_most.keys());
        if AWAY.contains(&status) && asked.any(|pointer| json.pointer(pointer).is_none()) {
            return Err(Fault::unanswered(format!("status {status}{}", said(answer))));
        }
        fields(&expect.json, values, json)?;
        for (pointer, most) in &expect.json_at_most {
            match json.pointer(pointer).and_then(Value::as_f64) {
                Some(number) if number <= *most => {}
                Some(number) => return Err(Fault::wrong(format!("`{pointer}` is {number}, more than {most}"))),
                None => return Err(Fault::wrong(format!("`{pointer}` is no number: {}", short(&json.to_string())))),
            }
        }
    }
    match expect.within {
        Some(most) if time > most => Err(Fault::wrong(format!("it took {} ms, more than {} ms", time.as_millis(), most.as_millis()))),
        _ => Ok(()),
    }
}

/// Whether `json` has these values.
///
/// # Errors
/// The first one that is another, with the reason that stands beside it in the same object, if one does.
pub(crate) fn fields(fields: &Fields, values: &Values, json: &Value) -> Result<(), Fault> {
    for (pointer, expected) in fields {
        let expected = values.fill_json(expected).map_err(unknown)?;
        let found = json.pointer(pointer);
        if found == Some(&expected) {
            continue;
        }
        let beside = pointer.rsplit_once('/').and_then(|(parent, _)| json.pointer(parent)?.get("detail")?.as_str());
        let reason = beside.map(|reason| format!(": {reason}")).unwrap_or_default();
        let found = found.map_or_else(|| "not there".to_owned(), |found| short(&found.to_string()));
        return Err(Fault::wrong(format!("`{pointer}` is {found} instead of {expected}{reason}")));
    }
    Ok(())
}

fn header(name: &str, text: &Text, values: &Values, answer: &Answer) -> Result<(), Fault> {
    let Some(value) = answer.header(name) else { return Err(Fault::wrong(format!("the header `{name}` is missing"))) };
    let wanted = match text {
        Text::Is(text) => Some(fill(values, text)?).filter(|text| value != text).map(|text| format!("instead of `{text}`")),
        Text::Has { has } => Some(fill(values, has)?).filter(|text| !value.contains(text)).map(|text| format!("without `{text}`")),
        Text::Matches { matches } => {
            let fits = expression(matches).is_ok_and(|pattern| pattern.is_match(value));
            (!fits).then(|| format!("which `{matches}` does not match"))
        }
    };
    wanted.map_or(Ok(()), |wanted| Err(Fault::wrong(format!("the header `{name}` is `{}`, {wanted}", short(value)))))
}

/// The value that `source` names.
///
/// # Errors
/// When the answer does not have it.
pub(crate) fn capture(source: &Source, answer: &Answer) -> Result<String, Fault> {
    let (value, what) = match source {
        Source::Json(pointer) => {
            let value = answer.json.as_ref().and_then(|json| json.pointer(pointer)).filter(|value| !value.is_null());
            (value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)), pointer)
        }
        Source::Header(name) => (answer.header(name).map(str::to_owned), name),
        Source::Body(pattern) => {
            let found = expression(pattern).ok().and_then(|regex| Some(regex.captures(&answer.body)?.get(1)?.as_str().to_owned()));
            (found, pattern)
        }
    };
    value.ok_or_else(|| Fault::wrong(format!("the answer has no `{what}`{}", said(answer))))
}

/// `text` with its names filled in.
///
/// # Errors
/// When a name has no value: an earlier step captured nothing.
pub(crate) fn fill(values: &Values, text: &str) -> Result<String, Fault> {
    values.fill(text).map_err(unknown)
}

/// The fault of a name without a value.
pub(crate) fn unknown(Unknown(name): Unknown) -> Fault {
    Fault::unanswered(format!("{{{name}}} has no value: no step before gave it one"))
}

/// What the answer says, for people.
fn said(answer: &Answer) -> String {
    let problem = answer.json.as_ref().and_then(|json| json.get("detail")?.as_str());
    let text = problem.unwrap_or(if answer.json.is_some() || !answer.body.trim_start().starts_with('<') { answer.body.trim() } else { "" });
    if text.is_empty() { String::new() } else { format!(": {}", short(text)) }
}

fn short(text: &str) -> String {
    // A terminal would do what a stranger's control characters say.
    let line: String = text.replace(char::is_control, " ").split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::outcome::Kind;

    fn answer(json: &Value) -> Answer {
        let headers = vec![("server".to_owned(), "nginx".to_owned()), ("x-request-id".to_owned(), "a1b2".to_owned())];
        Answer { headers, body: json.to_string(), json: Some(json.clone()) }
    }

    fn verdict(expect: &str, status: u16, json: &Value) -> Result<(), String> {
        let values = Values::new([("name".to_owned(), "local".to_owned())].into());
        let expect: Expect = toml::from_str(expect).expect("valid");
        judge(&expect, &values, status, &answer(json), Duration::from_millis(20))
            .map_err(|fault| format!("{:?} {}", fault.kind, fault.detail))
    }

    #[test]
    fn each_thing_that_can_be_right_can_be_wrong() {
        let json = json!({ "environment": "local", "checks": { "db": { "ok": false, "ms": 3, "detail": "no route" } } });
        let right = "status = 200\nheaders = { Server = 'nginx', x-request-id = { matches = '^[0-9a-f]+$' } }\nno_headers = ['x-powered-by']\nbody = ['{name}']\nno_body = ['secret']\nwithin = '1s'\njson = { '/environment' = '{name}' }\njson_at_most = { '/checks/db/ms' = 5 }";
        assert_eq!(verdict(right, 200, &json), Ok(()));
        let wrong = [
            ("status = 201", "Wrong status 200 instead of 201: {\"checks\""),
            ("headers = { server = 'apache' }", "Wrong the header `server` is `nginx`, instead of `apache`"),
            ("headers = { server = { has = 'z' } }", "Wrong the header `server` is `nginx`, without `z`"),
            ("headers = { x-request-id = { matches = '^z' } }", "Wrong the header `x-request-id` is `a1b2`, which `^z` does not match"),
            ("headers = { etag = 'x' }", "Wrong the header `etag` is missing"),
            ("no_headers = ['server']", "Wrong the header `server` is there"),
            ("body = ['remote']", "Wrong `remote` is not in the answer"),
            ("no_body = ['{name}']", "Wrong `local` is in the answer"),
            ("json = { '/checks/db/ok' = true }", "Wrong `/checks/db/ok` is false instead of true: no route"),
            ("json = { '/x' = 1 }", "Wrong `/x` is not there instead of 1"),
            ("json_at_most = { '/checks/db/ms' = 2 }", "Wrong `/checks/db/ms` is 3, more than 2"),
            ("json_at_most = { '/environment' = 2 }", "Wrong `/environment` is no number"),
            ("within = '10ms'", "Wrong it took 20 ms, more than 10 ms"),
            ("body = ['{other}']", "Unanswered {other} has no value"),
        ];
        for (expect, reason) in wrong {
            let found = verdict(expect, 200, &json).expect_err(expect);
            assert!(found.starts_with(reason), "{expect}: {found}");
        }
    }

    #[test]
    fn a_proxy_that_reaches_nobody_is_no_answer() {
        let problem = json!({ "detail": "the service is away" });
        assert_eq!(verdict("status = 200", 502, &problem), Err("Unanswered status 502 instead of 200: the service is away".to_owned()));
        let page = Answer { body: "<html>".to_owned(), ..Answer::default() };
        let expect: Expect = toml::from_str("json = { '/status' = 'ready' }").expect("valid");
        let fault = judge(&expect, &Values::default(), 502, &page, Duration::ZERO).expect_err("no JSON");
        assert_eq!((fault.kind, fault.detail.as_str()), (Kind::Unanswered, "status 502, and no JSON"));
        let ready = "json = { '/checks/database/ok' = true }";
        assert_eq!(verdict(ready, 503, &problem), Err("Unanswered status 503: the service is away".to_owned()));
        let broken = json!({ "checks": { "database": { "ok": false } } });
        assert_eq!(verdict(ready, 503, &broken), Err("Wrong `/checks/database/ok` is false instead of true".to_owned()));
    }

    #[test]
    fn values_are_captured() {
        let answer = answer(&json!({ "id": 7, "name": "a", "none": null }));
        let take = |source| capture(&source, &answer).map_err(|fault| fault.detail);
        assert_eq!(take(Source::Json("/id".to_owned())).as_deref(), Ok("7"));
        assert_eq!(take(Source::Json("/name".to_owned())).as_deref(), Ok("a"));
        assert_eq!(take(Source::Header("X-Request-Id".to_owned())).as_deref(), Ok("a1b2"));
        assert_eq!(take(Source::Body("\"id\":([0-9]+)".to_owned())).as_deref(), Ok("7"));
        assert!(take(Source::Json("/none".to_owned())).is_err() && take(Source::Body("(z)".to_owned())).is_err());
    }
}
