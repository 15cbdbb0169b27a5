//! The checkout: its environment, its secrets, who may read and write, its toolchain.

use super::{first_line, unanswered, untold};
use crate::doctor::facts::{Contents, Past};
use crate::doctor::{Check, Facts};
use crate::images;
use crate::secrets::State;

/// Those of this room.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![environment(facts)];
    if facts.environment.is_ok() {
        checks.extend([files(facts), secrets(facts), strength(facts)].into_iter().flatten());
    }
    checks.extend([private(facts), ignored(facts), committed(facts), writable(facts), toolchain(facts)]);
    checks
}

fn environment(facts: &Facts) -> Check {
    let Err(error) = &facts.environment else { return Check::good("environment", "valid") };
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let detail = lines.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = lines.map(|line| line.trim_start_matches("hint: ")).collect();
    let fix = if rest.is_empty() { format!("`cargo xtask status{}` says more", facts.flags) } else { rest.join("; ") };
    Check::bad("environment", detail, fix)
}

/// What Compose makes of its files, where it can be asked.
fn files(facts: &Facts) -> Option<Check> {
    facts.engine.trouble.is_none().then(|| match &facts.contents {
        Ok(contents) => attributes(contents, facts),
        Err(why) => Check::bad(
            "compose-files",
            first_line(why),
            format!("mend what it names in infra/compose*.yaml; where it names nothing, ask again: `cargo xtask doctor{}`", facts.flags),
        ),
    })
}

/// What a start would refuse of files that Compose takes, and what no command has checked yet.
fn attributes(contents: &Contents, facts: &Facts) -> Check {
    let model = &contents.model;
    let quoted = |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let bases = contents.images.iter().flat_map(|images| &images.bases);
    let missing: Vec<String> = bases.filter(|base| base.facts.is_none()).map(|base| images::tagged(&base.image)).collect();
    let refused: Vec<String> =
        model.unsupported(|image| missing.iter().all(|name| name != image)).into_iter().map(|problem| problem.path).collect();
    if !refused.is_empty() {
        let fix = format!("`cargo xtask up --dry-run{}` says why, and what to use instead", facts.flags);
        return Check::bad("compose-files", format!("a start refuses {}", quoted(refused)), fix);
    }
    match model.unknown_keys() {
        keys if keys.is_empty() => Check::good("compose-files", "valid"),
        keys => Check::unknown(
            "compose-files",
            format!("Compose accepts {}, and this version of Slipway does not know what it means", quoted(keys)),
            "update Slipway, or remove it from the compose files; docs/compose.md has all attributes that are known",
        ),
    }
}

fn secrets(facts: &Facts) -> Option<Check> {
    let contents = match &facts.contents {
        Ok(contents) => contents,
        Err(why) => return untold("secrets", why, facts),
    };
    if let Some((name, _)) = contents.secrets.iter().find(|(_, state)| *state == State::Rotating) {
        let fix = format!("`cargo xtask up{}` ends it, and so does `cargo xtask secrets rotate {name}{}`", facts.flags, facts.flags);
        return Some(Check::bad("secrets", format!("the rotation of `{name}` was interrupted: not every service has the same value"), fix));
    }
    let missing = contents.secrets.iter().filter(|(_, state)| *state == State::Missing);
    let missing: Vec<&str> = missing.map(|(name, _)| name.as_str()).collect();
    let closed = facts.checkout.closed.join(" ");
    if missing.is_empty() && !closed.is_empty() {
        return Some(Check::bad("secrets", format!("services cannot read {closed}"), format!("`chmod 644 {closed}`")));
    }
    if missing.is_empty() {
        return Some(Check::good("secrets", "all there"));
    }
    Some(Check::bad("secrets", format!("missing: {}", missing.join(", ")), format!("`cargo xtask secrets init{}`", facts.flags)))
}

/// Where a start makes secrets, as in development, nobody minds what they are.
fn strength(facts: &Facts) -> Option<Check> {
    facts.environment.as_ref().ok().filter(|environment| !environment.secrets.generate)?;
    let weak = facts.contents.as_ref().ok()?.secrets.iter().filter_map(|(name, state)| match state {
        State::Weak(reason) => Some((name, reason)),
        _ => None,
    });
    let weak: Vec<_> = weak.collect();
    if weak.is_empty() {
        return Some(Check::good("secrets-strength", "nobody guesses them"));
    }
    let named: Vec<String> = weak.iter().map(|(name, reason)| format!("`{name}` {reason}")).collect();
    let fixes: Vec<String> = weak.iter().map(|(name, _)| format!("`cargo xtask secrets rotate {name}{}`", facts.flags)).collect();
    Some(Check::bad("secrets-strength", named.join("; "), fixes.join(", ")))
}

fn private(facts: &Facts) -> Check {
    let found = [(&facts.checkout.open, "/", "700"), (&facts.checkout.open_override, "", "600")];
    let open: Vec<_> = found.into_iter().filter_map(|(path, mark, mode)| Some((path.as_ref()?, mark, mode))).collect();
    if open.is_empty() {
        return Check::good("secrets-private", "nobody else on this machine reads them");
    }
    let named: Vec<String> = open.iter().map(|(path, mark, _)| format!("{path}{mark}")).collect();
    let fixes: Vec<String> = open.iter().map(|(path, _, mode)| format!("`chmod {mode} {path}`")).collect();
    Check::bad("secrets-private", format!("others on this machine can get at {}", named.join(" and ")), fixes.join(" and "))
}

fn ignored(facts: &Facts) -> Check {
    let exposed = match &facts.checkout.exposed {
        Err(why) => return unanswered("secrets-ignored", why, facts),
        Ok(exposed) => exposed,
    };
    match exposed.as_deref() {
        None => Check::good("secrets-ignored", "not a git checkout"),
        Some([]) => Check::good("secrets-ignored", "git leaves infra/secrets/ and overrides out"),
        Some(paths) => Check::bad(
            "secrets-ignored",
            format!("git would add {}", paths.join(", ")),
            "add the lines `/infra/secrets/*` and `/infra/env/*.override.toml` to `.gitignore`",
        ),
    }
}

fn committed(facts: &Facts) -> Check {
    if facts.checkout.exposed == Ok(None) {
        return Check::good("secrets-committed", "not a git checkout");
    }
    let files = match &facts.checkout.committed {
        Err(why) => return unanswered("secrets-committed", why, facts),
        Ok(files) => files,
    };
    if !files.is_empty() {
        return Check::bad(
            "secrets-committed",
            format!("git has {}", files.join(", ")),
            format!("`git rm --cached {}` and commit; {}", files.join(" "), renewal(files, facts)),
        );
    }
    let past = match &facts.checkout.past {
        // It may be long, and is asked for what was mended once: no reason to call a machine ill.
        Err(why) => {
            return Check::good("secrets-committed", format!("git has none; what its history has is not known: {}", first_line(why)));
        }
        Ok(past) => past,
    };
    let paths = |past: &[&Past]| past.iter().map(|past| past.path.clone()).collect::<Vec<_>>();
    let (used, unused): (Vec<_>, Vec<_>) = past.iter().partition(|past| past.used);
    match (paths(&used), paths(&unused)) {
        (used, unused) if used.is_empty() && unused.is_empty() => Check::good("secrets-committed", "git has none"),
        (used, unused) if used.is_empty() => Check::good(
            "secrets-committed",
            format!("git has none; its history has {}, with what is in no file any more", unused.join(", ")),
        ),
        (used, _) => Check::bad(
            "secrets-committed",
            format!("the history of git has {}, and the same is still in use", used.join(", ")),
            renewal(&used, facts),
        ),
    }
}

/// What there is to do about secrets that others may have got with `files`.
fn renewal(files: &[String], facts: &Facts) -> String {
    let (overrides, secrets): (Vec<_>, Vec<_>) = files.iter().map(String::as_str).partition(|file| file.ends_with(".override.toml"));
    let mut ways = Vec::new();
    if !secrets.is_empty() {
        ways.push(format!("`cargo xtask secrets rotate NAME{}`", facts.flags));
    }
    if !overrides.is_empty() {
        ways.push(format!("in {} by hand, from whoever gives them out", overrides.join(", ")));
    }
    format!("removing takes nothing out of the history, so new values too: {}", ways.join("; "))
}

fn writable(facts: &Facts) -> Check {
    let closed: Vec<String> = facts.checkout.unwritable.iter().map(|dir| dir.display().to_string()).collect();
    if closed.is_empty() {
        return Check::good("writable", "the checkout can be written");
    }
    let closed = closed.join(" ");
    Check::bad(
        "writable",
        format!("cannot be written: {closed}"),
        format!("`sudo chown -R $(id -u):$(id -g) {closed}`, or mount it writable"),
    )
}

fn toolchain(facts: &Facts) -> Check {
    let install = |pinned: &str| format!("`rustup toolchain install {pinned}`");
    match (&facts.checkout.pinned, &facts.checkout.rust) {
        (None, rust) => Check::good("toolchain", format!("none is pinned; {} answers", rust.as_deref().unwrap_or("none"))),
        (Some(pinned), Ok(rust)) if rust == pinned => Check::good("toolchain", rust.clone()),
        (Some(pinned), Ok(rust)) => Check::bad(
            "toolchain",
            format!("{rust} answers, rust-toolchain.toml pins {pinned}"),
            format!("{}, and unset `RUSTUP_TOOLCHAIN` if it is set", install(pinned)),
        ),
        (Some(pinned), Err(why)) => Check::bad("toolchain", format!("`rustc` does not answer: {}", first_line(why)), install(pinned)),
    }
}
