//! What is wrong with a suite whose keys are right, all of it at once, before anything is asked. Pure.

mod circle;

use std::collections::BTreeSet;

use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use self::circle::{Next, circle};
use crate::facts::Facts;
use crate::judge::expression;
use crate::read::{Part, Touched};
use crate::run::UNIQUE;
use crate::suite::{Check, Expect, Source, Suite, Text};
use crate::values::{Values, names};

/// Every mistake, in the order of the file; `touched` is of what something was taken away already.
pub(crate) fn mistakes(suite: &Suite, facts: &Facts, touched: &Touched) -> Vec<String> {
    let mut found = components(suite, touched);
    let mut seen = BTreeSet::new();
    let mut once = |label: &str, name: &str, whole: bool, found: &mut Vec<String>| {
        if name.is_empty() && whole {
            found.push(format!("{label} has no name"));
        } else if !name.is_empty() && !seen.insert(name.to_owned()) {
            found.push(format!("two checks are called `{name}`"));
        }
    };
    let known = |name: &str| suite.components.contains_key(name) || touched.contains(&Part::Component(name.to_owned()));
    let component = |label: &str, name: Option<&str>, whole: bool, found: &mut Vec<String>| match name {
        None if whole => found.push(format!("{label} names no component")),
        Some(name) if !known(name) => found.push(format!("{label} names `{name}`, which is no component")),
        _ => {}
    };
    let values = Values::new(facts.values.clone());
    for (number, check) in suite.checks.iter().enumerate() {
        let whole = !touched.contains(&Part::Check(number));
        let label = if check.name.is_empty() { format!("check[{number}]") } else { format!("`{}`", check.name) };
        once(&label, &check.name, whole, &mut found);
        // Where all are meant, each service is its own component.
        if check.service.as_deref() != Some("*") {
            component(&label, check.component.as_deref(), whole, &mut found);
        }
        if whole {
            lacks(&label, check, false, &mut found);
        }
        wrong(&label, check, Some(&values), facts, &mut found);
    }
    for (number, journey) in suite.journeys.iter().enumerate() {
        let whole = !touched.contains(&Part::Journey(number));
        let label = if journey.name.is_empty() { format!("journey[{number}]") } else { format!("`{}`", journey.name) };
        once(&label, &journey.name, whole, &mut found);
        let owner = Some(journey.component.as_str()).filter(|name| !name.is_empty());
        component(&label, owner, whole, &mut found);
        if whole && journey.steps.is_empty() {
            found.push(format!("{label} has no step"));
        }
        let mut values = values.clone();
        values.set(UNIQUE, String::new());
        for step in journey.steps.iter().chain(&journey.cleanups) {
            let label = if step.name.is_empty() { format!("a step of {label}") } else { format!("{label}, step `{}`,", step.name) };
            if whole && step.name.is_empty() {
                found.push(format!("{label} has no name"));
            }
            component(&label, step.component.as_deref(), false, &mut found);
            if whole {
                lacks(&label, step, true, &mut found);
            }
            // What was taken away may have given values.
            wrong(&label, step, whole.then_some(&values), facts, &mut found);
            step.capture.keys().for_each(|captured| values.set(captured, String::new()));
        }
    }
    found
}

/// What is wrong between the components.
fn components(suite: &Suite, touched: &Touched) -> Vec<String> {
    let mut found = Vec::new();
    let known = |name: &String| suite.components.contains_key(name) || touched.contains(&Part::Component(name.clone()));
    for (name, component) in &suite.components {
        for other in component.through.iter().chain(&component.needs).filter(|other| !known(other)) {
            found.push(format!("components.{name} names `{other}`, which is no component"));
        }
        let ways: [(_, Next); 2] = [("through", |component| &component.through), ("needs", |component| &component.needs)];
        for (key, next) in ways {
            match circle(&suite.components, name, next) {
                Some(way) if way.len() == 2 => found.push(format!("components.{name}.{key} names itself")),
                Some(way) => found.push(format!("components.{name}.{key} leads in a circle: {}", way.join(" → "))),
                None => {}
            }
        }
    }
    found
}

/// What one check or step does not have, or has too much of.
fn lacks(label: &str, check: &Check, in_journey: bool, found: &mut Vec<String>) {
    let mut say = |text: &str| found.push(format!("{label} {text}"));
    let kinds = [
        ("request", check.request.is_some()),
        ("socket", check.socket.is_some()),
        ("receive", check.receive.is_some()),
        ("closed", !check.closed.is_empty()),
        ("service", check.service.is_some()),
        ("certificate_days", check.certificate_days.is_some()),
    ];
    let asked: Vec<&str> = kinds.into_iter().filter_map(|(kind, asked)| asked.then_some(kind)).collect();
    match asked[..] {
        [] => say("asks nothing: it has none of request, socket, receive, closed, service and certificate_days"),
        ["request"] => {}
        [kind] => {
            if check.expect != Expect::default() {
                say(&format!("has `{kind}` and `expect`: only the answer to a `request` can be as expected"));
            }
            if kind != "receive" && !check.capture.is_empty() {
                say(&format!("has `{kind}` and `capture`: only a `request` and a `receive` bring something to capture"));
            }
        }
        _ => say("asks more than one thing"),
    }
    if !in_journey && (check.socket.is_some() || check.receive.is_some()) {
        say("is no step of a journey: only those have a socket");
    }
    let path = check.request.as_ref().map(|request| &request.path).or(check.socket.as_ref());
    if let Some(path) = path.filter(|path| !path.starts_with(['/', '{'])) {
        say(&format!("asks for `{path}`: a path begins with `/`"));
    }
    let upload = check.request.as_ref().and_then(|request| request.upload.as_ref());
    if upload.is_some_and(|upload| upload.field.is_empty() || upload.file.is_empty()) {
        say("sends a file without `field` or `file`, the names that it has in a form");
    }
}

/// What is wrong with that which one check or step has; `values` are those that were there before it, where they are known.
fn wrong(label: &str, check: &Check, values: Option<&Values>, facts: &Facts, found: &mut Vec<String>) {
    let mut say = |text: String| found.push(format!("{label} {text}"));
    for text in values.iter().flat_map(|_| texts(check)) {
        for unknown in names(&text).into_iter().filter(|name| values.is_some_and(|values| !values.has(name))) {
            say(format!("uses {{{unknown}}}, which nothing gives a value: no variable of the environment, and no `capture` before it"));
        }
    }
    for text in check.expect.headers.values() {
        if let Text::Matches { matches } = text
            && let Err(error) = expression(matches)
        {
            say(format!("has `{matches}`, which cannot be used as a regular expression: {error}"));
        }
    }
    let mut pointers: Vec<&String> = check.expect.json.keys().chain(check.expect.json_at_most.keys()).collect();
    pointers.extend(check.receive.iter().flat_map(|fields| fields.keys()));
    let mut headers: Vec<&String> = check.expect.headers.keys().chain(&check.expect.no_headers).collect();
    for (name, source) in &check.capture {
        match source {
            Source::Json(pointer) => pointers.push(pointer),
            Source::Header(header) => headers.push(header),
            Source::Body(pattern) => match expression(pattern) {
                Err(error) => say(format!("has `{pattern}`, which cannot be used as a regular expression: {error}")),
                Ok(regex) if regex.captures_len() < 2 => {
                    say(format!("captures `{name}` with `{pattern}`, which has no group: what `(` and `)` are around is captured"));
                }
                Ok(_) => {}
            },
        }
    }
    for pointer in pointers.into_iter().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        say(format!("has `{pointer}`, which is no JSON pointer: it begins with `/`"));
    }
    if let Some(request) = &check.request {
        headers.extend(request.headers.keys());
        for (name, value) in request.headers.iter().filter(|(_, value)| HeaderValue::from_str(value).is_err()) {
            say(format!("sends the header `{name}` as {value:?}, which no header can be"));
        }
        let bodies = [request.json.is_some(), request.form.is_some(), request.upload.is_some()];
        if bodies.iter().filter(|body| **body).count() > 1 {
            say("sends more than one of json, form and upload".to_owned());
        }
    }
    for name in headers.into_iter().filter(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
        say(format!("has the header {name:?}, which is no name of one"));
    }
    if let Some(days) = check.certificate_days.filter(|days| *days < 0) {
        say(format!("wants a certificate for {days} days"));
    }
    if let (Some(service), Some(services)) = (check.service.as_deref().filter(|service| *service != "*"), &facts.services)
        && !check.with.contains(service)
        && !services.iter().any(|known| known.name == service)
    {
        let names: Vec<&str> = services.iter().map(|known| known.name.as_str()).collect();
        say(format!(
            "asks for the service `{service}`, which the stack does not have: it has {}; `with` asks only where it is",
            names.join(", ")
        ));
    }
}

/// All texts that may have names in them.
pub(crate) fn texts(check: &Check) -> Vec<String> {
    let Expect { headers, body, no_body, json, .. } = &check.expect;
    let mut texts: Vec<String> = body.iter().chain(no_body).chain(check.socket.as_ref()).cloned().collect();
    texts.extend(headers.values().map(|text| match text {
        Text::Is(text) | Text::Has { has: text } => text.clone(),
        // Braces mean something else there.
        Text::Matches { .. } => String::new(),
    }));
    json.values().chain(check.receive.iter().flat_map(|fields| fields.values())).for_each(|value| of_json(value, &mut texts));
    if let Some(request) = &check.request {
        texts.push(request.path.clone());
        texts.extend(request.headers.values().chain(request.form.iter().flat_map(|form| form.values())).cloned());
        if let Some(value) = &request.json {
            of_json(value, &mut texts);
        }
        if let Some(upload) = &request.upload {
            texts.push(upload.content.clone());
        }
    }
    texts
}

fn of_json(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| of_json(item, texts)),
        Value::Object(fields) => fields.values().for_each(|value| of_json(value, texts)),
        _ => {}
    }
}
