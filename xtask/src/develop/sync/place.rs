//! Where files go in one container: how it is, what is mounted in it, whose its files are. Pure: the engine's answers come in as text.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A container, as far as copying into it asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) state: State,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    mounts: Vec<Mount>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    pub(super) status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    user: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    readonly_rootfs: bool,
    #[serde(default)]
    tmpfs: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    #[serde(rename = "Type")]
    kind: String,
    destination: String,
    #[serde(rename = "RW")]
    writable: bool,
}

/// How a file gets to a place in a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// The engine unpacks it below this directory: it needs no program in the container, which need not run.
    Engine(String),
    /// `tar` in the container unpacks it below this directory, which lives in memory and only the container sees.
    Inside(String),
}

/// Why there is no way to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoWay {
    /// The file system of the container cannot be written.
    ReadOnly,
    /// What is mounted there cannot be written.
    MountReadOnly(String),
    /// It is itself a mount, and a mount cannot be replaced.
    IsMount,
}

impl Place {
    /// Reads what `docker container inspect` says of one container.
    pub(super) fn parse(json: &str) -> Option<Self> {
        serde_json::from_str::<Vec<Self>>(json).ok()?.into_iter().next()
    }

    /// How files get to `path`, which is absolute.
    pub(super) fn way(&self, path: &[u8]) -> Result<Way, NoWay> {
        let memory = self.host_config.tmpfs.iter().flatten().map(|(path, options)| {
            let writable = !options.split(',').any(|option| option == "ro");
            Mount { kind: "tmpfs".to_owned(), destination: path.clone(), writable }
        });
        let mounts = self.mounts.iter().cloned().chain(memory);
        let around = mounts.filter(|mount| below(path, &mount.destination)).max_by_key(|mount| mount.destination.len());
        match around {
            Some(mount) if path == mount.destination.trim_end_matches('/').as_bytes() => Err(NoWay::IsMount),
            Some(mount) if !mount.writable => Err(NoWay::MountReadOnly(mount.destination)),
            Some(mount) if mount.kind == "tmpfs" => Ok(Way::Inside(mount.destination)),
            Some(mount) => Ok(Way::Engine(mount.destination)),
            None if self.host_config.readonly_rootfs => Err(NoWay::ReadOnly),
            None => Ok(Way::Engine("/".to_owned())),
        }
    }

    /// User and group of its processes, where no file in it has to be asked.
    pub(super) fn plain_owner(&self) -> Option<(u32, u32)> {
        owner(&self.config.user, "", "")
            .filter(|_| self.config.user.is_empty() || self.config.user.contains(':') || self.config.user == "0")
    }

    /// The same, with what its `/etc/passwd` and `/etc/group` say. Names that they do not have are root's.
    pub(super) fn owner(&self, passwd: &str, group: &str) -> (u32, u32) {
        owner(&self.config.user, passwd, group).unwrap_or((0, 0))
    }
}

/// Whether `path` is `directory` or below it.
fn below(path: &[u8], directory: &str) -> bool {
    let directory = directory.trim_end_matches('/').as_bytes();
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// `10001:10001`, `app`, `app:staff`, or nothing, which is root.
fn owner(text: &str, passwd: &str, groups: &str) -> Option<(u32, u32)> {
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let user = if user.is_empty() { "0" } else { user };
    let line = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let known = line.filter(|parts| parts.len() > 3).find(|parts| parts[0] == user || parts[2] == user);
    let id = user.parse().ok().or_else(|| known.as_ref()?[2].parse().ok())?;
    let group = match group.filter(|group| !group.is_empty()) {
        Some(group) => group.parse().ok().or_else(|| {
            let line = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
            line.filter(|parts| parts.len() > 2).find(|parts| parts[0] == group)?[2].parse().ok()
        })?,
        None => known.and_then(|parts| parts[3].parse().ok()).unwrap_or(0),
    };
    Some((id, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(more: &str) -> Place {
        Place::parse(&format!(r#"[{{"Id":"c1","State":{{"Status":"running"}}{more}}}]"#)).expect("valid")
    }

    #[test]
    fn a_file_goes_where_the_container_sees_it() {
        let place = place(
            r#","HostConfig":{"Tmpfs":{"/app/tmp":"","/frozen":"size=1m,ro"}},"Mounts":[
            {"Type":"volume","Destination":"/app/data","RW":true},{"Type":"bind","Destination":"/app/data/conf","RW":false},
            {"Type":"bind","Destination":"/app/one.txt","RW":true}]"#,
        );
        let way = |path: &str| place.way(path.as_bytes());
        assert_eq!(way("/app/src/a"), Ok(Way::Engine("/".to_owned())));
        assert_eq!(way("/app/data2/a"), Ok(Way::Engine("/".to_owned())));
        assert_eq!(way("/app/data/a"), Ok(Way::Engine("/app/data".to_owned())));
        assert_eq!(way("/app/tmp/a/b"), Ok(Way::Inside("/app/tmp".to_owned())));
        assert_eq!(way("/app/data/conf/a"), Err(NoWay::MountReadOnly("/app/data/conf".to_owned())));
        assert_eq!(way("/frozen/a"), Err(NoWay::MountReadOnly("/frozen".to_owned())));
        assert_eq!(way("/app/one.txt"), Err(NoWay::IsMount));
    }

    #[test]
    fn a_read_only_container_takes_files_in_its_volumes_alone() {
        let place =
            place(r#","HostConfig":{"ReadonlyRootfs":true,"Tmpfs":null},"Mounts":[{"Type":"volume","Destination":"/data","RW":true}]"#);
        assert_eq!(place.way(b"/app/a"), Err(NoWay::ReadOnly));
        assert_eq!(place.way(b"/data/a"), Ok(Way::Engine("/data".to_owned())));
    }

    #[test]
    fn files_belong_to_the_user_of_the_container() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\napp:x:10001:10002::/:/bin/false\n";
        let group = "root:x:0:\nstaff:x:50:app\n";
        let owner = |user: &str| place(&format!(r#","Config":{{"User":"{user}"}}"#)).owner(passwd, group);
        let all = ["", "root", "0", "app", "10001", "10001:7", "app:staff", "12", "nobody-knows"];
        assert_eq!(all.map(owner), [(0, 0), (0, 0), (0, 0), (10001, 10002), (10001, 10002), (10001, 7), (10001, 50), (12, 0), (0, 0)]);
        let plain = |user: &str| place(&format!(r#","Config":{{"User":"{user}"}}"#)).plain_owner();
        assert_eq!(["", "0", "10001:7", "10001", "app"].map(plain), [Some((0, 0)), Some((0, 0)), Some((10001, 7)), None, None]);
    }
}
