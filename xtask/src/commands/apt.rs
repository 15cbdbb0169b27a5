//! Command lines that install packages: `apt-get`, and what makes it usable again after an interruption.

use std::path::Path;

use crate::process::Invocation;

fn apt_get<const N: usize>(args: [&str; N]) -> Invocation {
    Invocation::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(args)
}

/// Fetches the package lists of the sources in `file` and of no other, which may be slow or broken.
pub(crate) fn update(file: &Path) -> Invocation {
    apt_get(["update", "-o"]).arg(format!("Dir::Etc::SourceList={}", file.display())).args([
        "-o",
        "Dir::Etc::SourceParts=/dev/null",
        "-o",
        "APT::Get::List-Cleanup=0",
    ])
}

/// Fetches the package lists of all sources.
pub(crate) fn update_all() -> Invocation {
    apt_get(["update"])
}

/// Installs `packages` and what they need, and removes none for their sake. Waits for another installation, such as the system's own upgrades, to end.
pub(crate) fn install(packages: &[String]) -> Invocation {
    apt_get(["install", "-y", "--no-install-recommends", "--no-remove", "-o", "DPkg::Lock::Timeout=120"]).args(packages)
}

/// Finishes what an interrupted installation left half done.
pub(crate) fn finish_interrupted() -> Invocation {
    Invocation::new("dpkg").env("DEBIAN_FRONTEND", "noninteractive").args(["--configure", "-a"])
}

/// Whether the packages are installed: a line `ii  <name>` for each that is.
pub(crate) fn installed(packages: &[&str]) -> Invocation {
    Invocation::new("dpkg-query").args(["--show", "--showformat=${db:Status-Abbrev} ${Package}\\n"]).args(packages.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line() {
        let lines = [
            update(Path::new("/etc/apt/sources.list.d/x.sources")),
            update_all(),
            install(&["docker.io/trixie".to_owned()]),
            finish_interrupted(),
            installed(&["docker-ce"]),
        ];
        insta::assert_snapshot!(lines.map(|line| line.to_string()).join("\n"), @r"
        DEBIAN_FRONTEND=noninteractive apt-get update -o Dir::Etc::SourceList=/etc/apt/sources.list.d/x.sources -o Dir::Etc::SourceParts=/dev/null -o APT::Get::List-Cleanup=0
        DEBIAN_FRONTEND=noninteractive apt-get update
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=120 docker.io/trixie
        DEBIAN_FRONTEND=noninteractive dpkg --configure -a
        dpkg-query --show '--showformat=${db:Status-Abbrev} ${Package}\n' docker-ce
        ");
    }
}
