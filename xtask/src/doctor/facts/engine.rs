//! What doctor asks of the engine itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ask::{Ask, Known, answer};
use crate::commands;
use crate::engine::{self, Trouble};
use crate::logs::stamp::Stamp;
use crate::process::{Invocation, Output};

/// Client, engine and plugins, and what the engine says about its host.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    /// Why it cannot be used.
    pub(crate) trouble: Option<Trouble>,
    /// Whether it was asked and said nothing at all.
    pub(crate) hangs: bool,
    /// The client's version.
    pub(crate) client: Option<String>,
    /// The engine's version.
    pub(crate) server: Option<String>,
    /// The version of Compose; none where it is missing.
    pub(crate) compose: Known<Option<String>>,
    /// The version of buildx; none where it is missing.
    pub(crate) buildx: Known<Option<String>>,
    /// What it says about its host.
    pub(crate) host: Known<Host>,
    /// Seconds by which its clock is ahead of the clock here.
    pub(crate) ahead: Option<i64>,
    /// Free bytes where it keeps its data, if that is on this machine.
    pub(crate) free: Option<u64>,
    /// What nobody needs.
    pub(crate) waste: Known<Waste>,
    /// Containers of stacks like this one; nothing where the engine may be another machine's, whose directories nobody here sees.
    pub(crate) checkouts: Option<Known<Vec<Checkout>>>,
}

/// What `docker info --format json` prints, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Host {
    /// Where the engine keeps images, containers and volumes.
    #[serde(rename = "DockerRootDir", default)]
    pub(crate) root: PathBuf,
    /// Memory in bytes.
    #[serde(rename = "MemTotal", default)]
    pub(crate) memory: u64,
    /// Processors.
    #[serde(rename = "NCPU", default)]
    pub(crate) processors: u32,
    /// By its own clock.
    #[serde(default)]
    system_time: String,
    /// `1` or `2`.
    #[serde(default)]
    pub(crate) cgroup_version: String,
    /// Whether limits of memory hold.
    #[serde(default)]
    pub(crate) memory_limit: bool,
    /// Whether limits of processors hold.
    #[serde(default)]
    pub(crate) cpu_cfs_quota: bool,
    /// Whether limits of processes hold.
    #[serde(default)]
    pub(crate) pids_limit: bool,
}

/// What nobody needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waste {
    /// Images that have no name any more.
    pub(crate) images: u64,
    /// What builds keep, and can make again.
    pub(crate) cache: u64,
}

/// Where a container was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// The Compose project of the container.
    pub(crate) project: String,
    /// The directory of the compose files.
    pub(crate) directory: PathBuf,
    /// Whether that is still there.
    pub(crate) there: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    client: Option<Component>,
    server: Option<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    version: String,
}

impl Engine {
    /// Asks everything at the same time.
    pub(super) fn find(ask: Ask) -> Self {
        if let Some(trouble) = engine::no_client() {
            return Self::without_client(trouble);
        }
        std::thread::scope(|scope| {
            let compose = scope.spawn(move || ask.output(&commands::engine::compose_version()));
            let buildx = scope.spawn(move || ask.output(&commands::engine::buildx_version()));
            let host = scope.spawn(move || host(ask));
            let waste = scope.spawn(move || waste(ask));
            let checkouts = crate::setup::remote().is_none().then(|| scope.spawn(move || checkouts(ask)));
            let version = ask.output(&commands::engine::version());
            let hangs = version.is_err();
            let (version, compose) = (version.unwrap_or_else(|why| silent(-1, why)), answer(compose));
            // With a broken engine `docker version` fails, but names the client all the same.
            let versions = serde_json::from_str::<Versions>(&version.stdout).ok();
            let (client, server) = versions.map_or((None, None), |versions| (versions.client, versions.server));
            let host = answer(host);
            let ahead = host.as_ref().ok().and_then(|(_, ahead)| *ahead);
            let host = host.map(|(host, _)| host);
            Self {
                // One that did not answer in time is no trouble that is known.
                trouble: engine::judge(&version, &compose.clone().unwrap_or_else(|why| silent(0, why))),
                hangs,
                client: client.map(|component| component.version),
                server: server.map(|component| component.version),
                compose: compose.map(|output| succeeded(&output).map(|text| text.trim().to_owned())),
                buildx: answer(buildx)
                    .map(|output| succeeded(&output).map(|text| text.split_whitespace().nth(1).unwrap_or(text).to_owned())),
                free: host.as_ref().ok().and_then(|host| free(ask, &host.root)),
                host,
                ahead,
                waste: answer(waste),
                checkouts: checkouts.map(answer),
            }
        })
    }

    fn without_client(trouble: Trouble) -> Self {
        let why = || "there is no client to ask".to_owned();
        Self {
            trouble: Some(trouble),
            hangs: false,
            client: None,
            server: None,
            compose: Ok(None),
            buildx: Ok(None),
            host: Err(why()),
            ahead: None,
            free: None,
            waste: Err(why()),
            checkouts: Some(Err(why())),
        }
    }
}

/// The output of a program that said nothing but why it is not known.
fn silent(code: i32, why: String) -> Output {
    Output { code, stdout: String::new(), stderr: why }
}

/// What a program printed that did not fail.
fn succeeded(output: &Output) -> Option<&str> {
    (output.code == 0).then_some(output.stdout.as_str())
}

/// What the engine says about its host, and by how many seconds its clock is ahead.
fn host(ask: Ask) -> Known<(Host, Option<i64>)> {
    let before = backup::time::now();
    let text = ask.read(&commands::engine::info())?;
    let after = backup::time::now();
    let host: Host = serde_json::from_str(&text).map_err(|error| format!("cannot read what `docker info` printed: {error}"))?;
    // Without an engine it prints the same fields, empty.
    if host.memory == 0 {
        return Err("`docker info` says nothing about the engine's host".to_owned());
    }
    let ahead = Stamp::parse(host.system_time.as_bytes()).map(|there| ahead(there.0 / 1_000_000_000, before, after));
    Ok((host, ahead))
}

/// By how many seconds a clock that showed `there` at some moment from `before` to `after` is ahead, at least.
fn ahead(there: u64, before: u64, after: u64) -> i64 {
    let seconds = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    if there > after { seconds(there - after) } else { -seconds(before.saturating_sub(there)) }
}

fn waste(ask: Ask) -> Known<Waste> {
    let images = ask.read(&commands::doctor::unnamed_images())?;
    let cache = ask.read(&commands::doctor::build_cache())?;
    let cache = cache.lines().find_map(|line| bytes(line.strip_prefix("Reclaimable:")?));
    Ok(Waste { images: images.lines().filter_map(bytes).sum(), cache: cache.unwrap_or(0) })
}

/// `29.5MB` → bytes, in the powers of 1000 that the engine prints sizes in.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let factor = ["B", "kB", "MB", "GB", "TB"].iter().position(|known| *known == unit)?;
    // What is cut off is less than a byte.
    Some((number.trim().parse::<f64>().ok()? * 1000_f64.powi(i32::try_from(factor).ok()?)) as u64)
}

fn checkouts(ask: Ask) -> Known<Vec<Checkout>> {
    ask.read(&commands::doctor::checkouts()).map(|text| parse_checkouts(&text, Path::is_dir))
}

/// The lines of `commands::doctor::checkouts`, each project once.
fn parse_checkouts(text: &str, there: impl Fn(&Path) -> bool) -> Vec<Checkout> {
    let mut found: Vec<Checkout> = Vec::new();
    for line in text.lines() {
        let [_, project, directory] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        if !directory.is_empty() && !found.iter().any(|known| known.project == project && known.directory == Path::new(directory)) {
            let directory = PathBuf::from(directory);
            found.push(Checkout { project: project.to_owned(), there: there(&directory), directory });
        }
    }
    found
}

/// Free bytes on the file system of `dir`; nothing where it is not on this machine or `df` is not there.
fn free(ask: Ask, dir: &Path) -> Option<u64> {
    if !dir.is_dir() {
        return None;
    }
    parse_df(&ask.read(&Invocation::new("df").args(["-Pk", &dir.display().to_string()])).ok()?)
}

/// The fourth column of `df -Pk`, in bytes.
fn parse_df(table: &str) -> Option<u64> {
    table.lines().last()?.split_whitespace().nth(3)?.parse::<u64>().ok().map(|blocks| blocks * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_df_is_read() {
        let table = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n/dev/vda1        102687672  40000000  62671288      39% /\n";
        assert_eq!(parse_df(table), Some(62_671_288 * 1024));
        assert_eq!(parse_df(""), None);
    }

    #[test]
    fn sizes_of_the_engine_are_read() {
        assert_eq!(
            ["0B", "1.5GB", "12kB", "189MB", "many", ""].map(bytes),
            [Some(0), Some(1_500_000_000), Some(12_000), Some(189_000_000), None, None]
        );
    }

    #[test]
    fn a_clock_is_ahead_of_the_time_that_the_question_took_or_behind_it() {
        assert_eq!([90, 100, 105, 110, 120].map(|there| ahead(there, 100, 110)), [-10, 0, 0, 0, 10]);
    }

    #[test]
    fn a_checkout_is_named_once_for_each_of_its_projects() {
        let text = "a-db-1\ta\t/gone/infra\na-web-1\ta\t/gone/infra\nb-db-1\tb\t/here/infra\nrun-by-hand\tc\t\n";
        let found = parse_checkouts(text, |dir| dir.starts_with("/here"));
        let lines: Vec<String> =
            found.iter().map(|found| format!("{} {} {}", found.project, found.directory.display(), found.there)).collect();
        assert_eq!(lines, ["a /gone/infra false", "b /here/infra true"]);
    }
}
