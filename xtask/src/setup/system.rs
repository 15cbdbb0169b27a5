//! Which operating system this is, from `/etc/os-release`.

/// The host's operating system, as far as installing an engine on it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// Debian; `version` is absent on testing and unstable.
    Debian {
        /// The major version.
        version: Option<u32>,
        /// For example `bookworm`.
        codename: String,
    },
    /// Ubuntu.
    Ubuntu {
        /// Year and month.
        version: (u32, u32),
        /// For example `noble`.
        codename: String,
    },
    /// Another one, by the name it gives itself.
    Other(String),
}

impl System {
    /// This machine's.
    pub(crate) fn here() -> Self {
        let name = match std::env::consts::OS {
            "linux" => return Self::parse(&std::fs::read_to_string("/etc/os-release").unwrap_or_default()),
            "macos" => "macOS",
            "windows" => "Windows",
            name => name,
        };
        Self::Other(name.to_owned())
    }

    /// Reads the text of an `os-release` file.
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
        };
        let mut version =
            field("VERSION_ID").unwrap_or_default().split('.').map(str::parse).map(Result::ok).collect::<Vec<_>>().into_iter();
        let (major, minor) = (version.next().flatten(), version.next().flatten());
        let codename = field("VERSION_CODENAME").unwrap_or_default();
        match (field("ID").as_deref(), major, minor) {
            (Some("debian"), version, _) => Self::Debian { version, codename },
            (Some("ubuntu"), Some(year), Some(month)) => Self::Ubuntu { version: (year, month), codename },
            _ => Self::Other(field("PRETTY_NAME").or_else(|| field("NAME")).unwrap_or_else(|| "this Linux system".to_owned())),
        }
    }

    /// The name of the release, as package sources have it.
    pub(crate) fn codename(&self) -> Option<&str> {
        match self {
            Self::Debian { codename, .. } | Self::Ubuntu { codename, .. } => Some(codename.as_str()),
            Self::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        let systems = [
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n",
            "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nVERSION_CODENAME=forky\n",
            "NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n",
            "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nPRETTY_NAME='Linux Mint 22'\nVERSION_ID=\"22\"\n",
            "",
        ]
        .map(System::parse);
        assert_eq!(
            systems,
            [
                System::Debian { version: Some(12), codename: "bookworm".to_owned() },
                System::Debian { version: None, codename: "forky".to_owned() },
                System::Ubuntu { version: (24, 4), codename: "noble".to_owned() },
                System::Other("Linux Mint 22".to_owned()),
                System::Other("this Linux system".to_owned()),
            ]
        );
    }
}
