//! Attributes of compose files that a start refuses, or that are not known.

use super::*;
use crate::model::Model;

fn verdict(web: &str) -> Check {
    let mut facts = well();
    let json = format!(r#"{{"name":"slipway","services":{{"web":{web}}}}}"#);
    contents(&mut facts).model = Model::parse(&json).expect("a model");
    all(&facts).into_iter().find(|check| check.name == "compose-files").expect("a check")
}

#[test]
fn files_with_attributes_that_a_start_refuses_are_not_valid() {
    let Check { ok, known, detail, fix, .. } = verdict(r#"{"image":"a","container_name":"web","pre_stop":[{"command":["a"]}]}"#);
    assert_eq!((ok, known), (false, true));
    assert_eq!(detail, "a start refuses `services.web.container_name`, `services.web.pre_stop`");
    assert_eq!(fix.as_deref(), Some("`cargo xtask up --dry-run` says why, and what to use instead"));
}

#[test]
fn an_attribute_that_is_not_known_is_not_called_valid() {
    let Check { ok, known, detail, .. } = verdict(r#"{"image":"a","shape":"round"}"#);
    assert_eq!((ok, known), (false, false));
    assert_eq!(detail, "Compose accepts `services.web.shape`, and this version of Slipway does not know what it means");
    assert!(verdict(r#"{"image":"a","x-shape":"round"}"#).ok);
}
