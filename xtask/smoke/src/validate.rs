//! What is wrong with a suite, all of it at once, before anything is asked.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::suite::{Check, Expect, Suite, Text};
use crate::values::{Values, names};

/// Every mistake, in the order of the file.
pub(crate) fn mistakes(suite: &Suite, values: &Values) -> Vec<String> {
    let mut found = Vec::new();
    for (name, component) in &suite.components {
        for other in component.through.iter().chain(&component.needs) {
            if !suite.components.contains_key(other) {
                found.push(format!("components.{name} names `{other}`, which is no component"));
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut once = |name: &str, found: &mut Vec<String>| {
        if name.is_empty() {
            found.push("a check has no name".to_owned());
        } else if !seen.insert(name.to_owned()) {
            found.push(format!("two checks are called `{name}`"));
        }
    };
    let component = |owner: &str, name: Option<&String>, found: &mut Vec<String>| match name {
        None => found.push(format!("`{owner}` names no component")),
        Some(name) if !suite.components.contains_key(name) => found.push(format!("`{owner}` names `{name}`, which is no component")),
        Some(_) => {}
    };
    for check in &suite.checks {
        once(&check.name, &mut found);
        // Where all are meant, each service is its own component.
        if check.service.as_deref() != Some("*") {
            component(&check.name, check.component.as_ref(), &mut found);
        }
        one(check, &mut values.clone(), false, &mut found);
    }
    for journey in &suite.journeys {
        once(&journey.name, &mut found);
        component(&journey.name, Some(&journey.component), &mut found);
        let mut values = values.clone();
        for step in journey.steps.iter().chain(&journey.cleanups) {
            if let Some(name) = &step.component {
                component(&step.name, Some(name), &mut found);
            }
            one(step, &mut values, true, &mut found);
        }
    }
    found
}

/// What is wrong with one check or step; what it captures is known afterwards.
fn one(check: &Check, values: &mut Values, in_journey: bool, found: &mut Vec<String>) {
    let name = &check.name;
    let mut say = |text: String| found.push(format!("`{name}` {text}"));
    let kinds = [
        check.request.is_some(),
        check.socket.is_some(),
        check.receive.is_some(),
        !check.closed.is_empty(),
        check.service.is_some(),
        check.certificate_days.is_some(),
    ];
    match kinds.iter().filter(|kind| **kind).count() {
        0 => say("asks nothing: it has none of request, socket, receive, closed, service and certificate_days".to_owned()),
        1 => {}
        _ => say("asks more than one thing".to_owned()),
    }
    if !in_journey && (check.socket.is_some() || check.receive.is_some()) {
        say("is no step of a journey: only those have a socket".to_owned());
    }
    for text in texts(check) {
        for unknown in names(&text).into_iter().filter(|name| !values.has(name)) {
            say(format!("uses {{{unknown}}}, which nothing gives a value: no variable of the environment, and no `capture` before it"));
        }
    }
    for pattern in patterns(check) {
        if let Err(error) = regex_lite::Regex::new(pattern) {
            say(format!("has `{pattern}`, which is no regular expression: {error}"));
        }
    }
    let pointers =
        check.expect.json.keys().chain(check.expect.json_at_most.keys()).chain(check.receive.iter().flat_map(|fields| fields.keys()));
    for pointer in pointers.filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        say(format!("has `{pointer}`, which is no JSON pointer: it begins with `/`"));
    }
    if let Some(request) = &check.request {
        if !request.path.starts_with(['/', '{']) {
            say(format!("asks for `{}`: a path begins with `/`", request.path));
        }
        let bodies = [request.json.is_some(), request.form.is_some(), request.upload.is_some()];
        if bodies.iter().filter(|body| **body).count() > 1 {
            say("sends more than one of json, form and upload".to_owned());
        }
    }
    for captured in check.capture.keys() {
        values.set(captured, String::new());
    }
}

fn patterns(check: &Check) -> impl Iterator<Item = &str> {
    let headers =
        check.expect.headers.values().filter_map(|text| if let Text::Matches { matches } = text { Some(matches.as_str()) } else { None });
    let captures = check
        .capture
        .values()
        .filter_map(|source| if let crate::suite::Source::Body(pattern) = source { Some(pattern.as_str()) } else { None });
    headers.chain(captures)
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
