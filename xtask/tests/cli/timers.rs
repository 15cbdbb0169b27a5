//! Lines of the documentation that run without a shell of a person: units of systemd and tables of cron, on a machine where Rust came from rustup.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What systemd and cron give a command.
const SYSTEMD: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CRON: &str = "/usr/bin:/bin";

/// A command of a page, with the directory that it runs in.
struct Scheduled {
    page: String,
    line: String,
    path: &'static str,
}

/// Every such command of the documentation.
fn scheduled() -> Vec<Scheduled> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("docs");
    let cron = regex_lite::Regex::new(r"^([0-9*/,-]+ ){5}(.*)$").expect("a rule");
    let mut found = Vec::new();
    for page in std::fs::read_dir(docs).expect("readable").flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
        let Ok(text) = std::fs::read_to_string(&page) else { continue };
        let name = page.display().to_string();
        for line in text.lines() {
            let of = |line: &str, path| Scheduled { page: name.clone(), line: line.to_owned(), path };
            if let Some(command) = line.strip_prefix("ExecStart=") {
                found.push(of(command, SYSTEMD));
            } else if let Some(command) = cron.captures(line).and_then(|found| found.get(2)) {
                found.push(of(command.as_str(), CRON));
            }
        }
    }
    found
}

#[test]
fn scheduled_commands_work_as_they_are_written() {
    let scheduled = scheduled();
    let kinds = [SYSTEMD, CRON].map(|path| scheduled.iter().filter(|command| command.path == path).count());
    assert!(kinds[0] >= 3 && kinds[1] >= 1, "backup, prune and guard, and a line of cron: {kinds:?}");
    for Scheduled { page, line, path } in scheduled {
        let dir = tempfile::tempdir().expect("a directory");
        let (home, checkout) = (dir.path().join("home"), dir.path().join("checkout"));
        let bin = home.join(".cargo/bin");
        // A fresh checkout: no `backups/`.
        [&bin, &checkout].into_iter().for_each(|path| std::fs::create_dir_all(path).expect("made"));
        // `cargo xtask ARGUMENTS --help` refuses what is no flag, and does nothing else.
        let script = format!("#!/bin/sh\n[ \"$1\" = xtask ] && shift && exec {} \"$@\" --help\n", env!("CARGO_BIN_EXE_xtask"));
        std::fs::write(bin.join("cargo"), script).expect("written");
        std::fs::set_permissions(bin.join("cargo"), std::fs::Permissions::from_mode(0o755)).expect("made executable");
        let home = home.display().to_string();
        let command = line.replace("%h", &home).replace("/home/deploy", &home).replace("/srv/slipway", &checkout.display().to_string());
        let run = duct::cmd!("/usr/bin/env", "-i", format!("PATH={path}"), format!("HOME={home}"), "/bin/sh", "-c", &command);
        let output = run.dir(&checkout).stdin_null().stdout_capture().stderr_capture().unchecked().run().expect("run");
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && stderr.is_empty() && !stdout.contains("failed"), "{page}: {line}\n{stdout}{stderr}");
        let first = line.split_whitespace().next().unwrap_or_default();
        assert!(path == CRON || first.starts_with('/') || first.starts_with("%h/"), "systemd wants an absolute path: {line}");
    }
}
