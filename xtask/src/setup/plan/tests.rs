//! Plans and refusals for the machines that people have.

use super::*;

/// A machine without an engine: root, no systemd, its own mirror.
pub(crate) fn bare(system: System) -> Machine {
    let codename = system.codename().unwrap_or_default().to_owned();
    let source = format!(
        "Types: deb\nURIs: http://mirror.example.org/debian\nSuites: {codename} {codename}-updates\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
    Machine {
        system,
        root: true,
        systemd: false,
        trouble: Some(Trouble::NoClient),
        compose: false,
        buildx: false,
        engine: Installed::No,
        engine_pid: None,
        stale_pid_files: Vec::new(),
        remote: None,
        interrupted: false,
        sources: sources::parse(std::path::Path::new("/etc/apt/sources.list.d/debian.sources"), &source),
        program: "/repo/target/debug/xtask".to_owned(),
    }
}

pub(crate) fn debian(version: u32, codename: &str) -> System {
    System::Debian { version: Some(version), codename: codename.to_owned() }
}

fn ubuntu(year: u32, month: u32, codename: &str) -> System {
    System::Ubuntu { version: (year, month), codename: codename.to_owned() }
}

/// With engine, Compose and buildx; `trouble` is what is wrong with it all the same.
fn complete(system: System, trouble: Option<Trouble>) -> Machine {
    Machine { trouble, compose: true, buildx: true, engine: Installed::Yes, ..bare(system) }
}

fn stopped() -> Option<Trouble> {
    Some(Trouble::NoEngine("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?".to_owned()))
}

fn shown(machine: &Machine) -> String {
    match engine(machine) {
        Ok(steps) => steps.iter().map(|step| format!("- {step}")).collect::<Vec<_>>().join("\n"),
        Err(refusal) => format!("error: {refusal}"),
    }
}

/// The titled texts of several machines, for one snapshot.
fn gallery(machines: &[(&str, Machine)]) -> String {
    machines.iter().map(|(title, machine)| format!("## {title}\n{}", shown(machine))).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_ready_machine_is_left_alone() {
    for system in
        [debian(12, "bookworm"), ubuntu(24, 4, "noble"), System::Other("Arch Linux".to_owned()), System::Other("macOS".to_owned())]
    {
        assert_eq!(engine(&complete(system, None)), Ok(Vec::new()));
    }
}

#[test]
fn bare_machines_get_an_engine() {
    insta::assert_snapshot!(gallery(&[
        ("Debian 12", bare(debian(12, "bookworm"))),
        (
            "Debian 12 with a bare client and an interrupted installation",
            Machine { trouble: stopped(), interrupted: true, ..bare(debian(12, "bookworm")) }
        ),
        ("Debian 13 with systemd", Machine { systemd: true, ..bare(debian(13, "trixie")) }),
        ("Debian testing", bare(System::Debian { version: None, codename: "forky".to_owned() })),
        ("Ubuntu 24.04 with systemd", Machine { systemd: true, sources: Vec::new(), ..bare(ubuntu(24, 4, "noble")) }),
        ("Debian 12 with podman", Machine { trouble: Some(Trouble::OnlyPodman), ..bare(debian(12, "bookworm")) }),
    ]));
}

#[test]
fn what_is_there_is_completed() {
    let old = || Some(Trouble::OldEngine("20.10.24".to_owned()));
    insta::assert_snapshot!(gallery(&[
        ("stopped, no service manager", complete(debian(12, "bookworm"), stopped())),
        ("stopped, with systemd", Machine { systemd: true, ..complete(ubuntu(24, 4, "noble"), stopped()) }),
        ("killed", Machine { stale_pid_files: vec!["/run/docker.pid".into()], ..complete(debian(12, "bookworm"), stopped()) }),
        ("starting", Machine { engine_pid: Some(7), ..complete(debian(12, "bookworm"), stopped()) }),
        ("too old and running", Machine { engine: Installed::Old, engine_pid: Some(7), ..complete(debian(12, "bookworm"), old()) }),
        ("no Compose, Debian 12", Machine { compose: false, ..complete(debian(12, "bookworm"), Some(Trouble::NoCompose)) }),
        ("no buildx, Ubuntu", Machine { buildx: false, ..complete(ubuntu(24, 4, "noble"), None) }),
        (
            "no plugins, engine of the vendor",
            Machine {
                compose: false,
                buildx: false,
                engine: Installed::Vendor,
                ..complete(debian(12, "bookworm"), Some(Trouble::NoCompose))
            }
        ),
    ]));
}

#[test]
fn a_machine_that_we_do_not_change_is_told_what_to_do() {
    let forbidden = Some(Trouble::NoEngine("permission denied while trying to connect to the Docker daemon socket".to_owned()));
    insta::assert_snapshot!(gallery(&[
        ("not root", Machine { root: false, ..bare(debian(12, "bookworm")) }),
        ("not in the group", Machine { root: false, ..complete(ubuntu(24, 4, "noble"), forbidden) }),
        ("another Linux", bare(System::Other("Fedora Linux 42".to_owned()))),
        ("macOS", bare(System::Other("macOS".to_owned()))),
        ("Debian 11", bare(debian(11, "bullseye"))),
        ("Ubuntu 20.04", bare(ubuntu(20, 4, "focal"))),
        ("no source", Machine { sources: Vec::new(), ..bare(debian(12, "bookworm")) }),
        (
            "an engine elsewhere",
            Machine { remote: Some("ssh://build.example.org".to_owned()), ..complete(debian(13, "trixie"), stopped()) }
        ),
        (
            "an old engine of the vendor",
            Machine { engine: Installed::Vendor, ..complete(debian(12, "bookworm"), Some(Trouble::OldEngine("24.0.7".to_owned()))) }
        ),
    ]));
}

#[test]
fn mmdebstrap_is_installed_where_it_can_be() {
    let texts = [
        bare(debian(12, "bookworm")),
        Machine { sources: Vec::new(), ..bare(ubuntu(24, 4, "noble")) },
        Machine { root: false, ..bare(debian(12, "bookworm")) },
        bare(System::Other("macOS".to_owned())),
    ]
    .map(|machine| mmdebstrap(&machine).map_or_else(|refusal| format!("error: {refusal}"), |step| step.to_string()));
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn images_have_what_was_mended_since_the_release() {
    let security =
        "Types: deb\nURIs: http://mirror.example.org/debian-security\nSuites: bookworm-security\nComponents: main\nSigned-By: KEY\n";
    let own = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let lines = |key: &str| {
        let mut machine = bare(debian(12, "bookworm"));
        let file = std::path::Path::new("/etc/apt/sources.list.d/debian.sources");
        machine.sources.extend(sources::parse(file, &security.replace("KEY", key)));
        machine.debian_sources("trixie")
    };
    let main = ["deb http://mirror.example.org/debian trixie main", "deb http://mirror.example.org/debian trixie-updates main"];
    assert_eq!(lines(own), [&main[..], &["deb http://mirror.example.org/debian-security trixie-security main"]].concat());
    assert_eq!(lines("/usr/share/keyrings/somebody.gpg"), main, "whoever signs with another key is somebody else");
}
