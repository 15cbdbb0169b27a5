//! Our own keys in the compose files: a mistake is refused with its file and key, and nothing is changed.

use insta::assert_snapshot;
use serde_json::json;

use crate::harness::Checkout;

#[test]
fn a_mistake_changes_nothing_and_is_named() {
    let mut said = String::new();
    for (name, key, value) in [
        ("a number for a command", "x-shell", json!({ "db": ["psql", 1] })),
        ("a service that does not exist", "x-shell", json!({ "bd": ["psql"] })),
        (
            "an unknown key",
            "x-migrations",
            json!({ "service": "migrate", "up": [], "status": [], "revert": [], "directory": "x", "dirctory": "y" }),
        ),
        ("an action that does not exist", "x-backup", json!({ "redis-data": { "kind": "copy" } })),
        ("a key that is nearly ours", "x-secret", json!({})),
    ] {
        let mut checkout = Checkout::new();
        checkout.model[key] = value;
        for command in ["up", "restart", "rebuild"] {
            let outcome = checkout.run([command]);
            assert_eq!((outcome.code, outcome.mutations(), checkout.leftovers()), (Some(1), vec![], vec![]), "{name}: {outcome}");
            if command == "up" {
                said.push_str(&format!("# {name}\n{}\n", outcome.stderr));
            }
        }
    }
    assert_snapshot!(said);
}
