//! `guard`: where there is nothing to guard.

use insta::assert_snapshot;

use crate::harness::Checkout;

#[test]
fn nothing_to_guard_is_said_and_no_failure() {
    let outcome = Checkout::new().run(["guard", "--instance", "typo"]).success();
    assert_snapshot!(outcome, @r"
    exit code: 0
    ----- stdout -----
    ----- stderr -----
    slipway-typo has no containers: there is nothing to guard; `cargo xtask up --instance typo` starts it
    ");
}
