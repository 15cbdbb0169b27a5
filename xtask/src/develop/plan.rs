//! From changed files to what has to happen. Pure: everything that is known about the stack comes in with the [`Planner`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::change::slashed;
use super::crates::Crates;
use crate::model::{Action, Model, Rule};

/// What has to happen after some files changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Packages whose programs have to be built.
    pub(crate) build: BTreeSet<String>,
    /// Whether the database has to be brought up to date before new programs run.
    pub(crate) migrate: bool,
    /// What browsers have to take anew at once, because services read it from where it was edited.
    pub(crate) refresh: Option<Refresh>,
    /// Services that have to be told to read their files anew.
    pub(crate) reload: BTreeSet<String>,
    /// Compose's own rules that apply: service, action, the file, and where it is in the container.
    pub(crate) rules: BTreeSet<(String, Action, PathBuf, Option<String>)>,
    /// Whether settings or compose files changed: the stack itself has to be looked at again.
    pub(crate) configure: bool,
}

/// What a browser takes anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refresh {
    /// Styles only: they are replaced in place.
    Style,
    /// The page.
    Page,
}

impl Plan {
    /// Both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.build.extend(other.build);
        self.migrate |= other.migrate;
        self.refresh = self.refresh.max(other.refresh);
        self.reload.extend(other.reload);
        self.rules.extend(other.rules);
        self.configure |= other.configure;
        self
    }

    /// Whether nothing has to happen.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The part that goes through the compiler, and the rest.
    pub(crate) fn split(mut self) -> (Self, Self) {
        let build = Self { build: std::mem::take(&mut self.build), migrate: std::mem::take(&mut self.migrate), ..Self::default() };
        (build, self)
    }
}

/// Knows which file means what.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    crates: Crates,
    /// The packages whose programs services run.
    programs: BTreeSet<String>,
    /// Mounted directories and files, with the service that has them.
    mounts: Vec<(PathBuf, String)>,
    reloadable: BTreeSet<String>,
    migrations: Option<PathBuf>,
    rules: Vec<(String, Rule)>,
    settings: BTreeSet<PathBuf>,
}

impl Planner {
    /// For the stack `model` of the checkout at `root`, whose settings are in the files `settings` (relative to `root`).
    pub(crate) fn new(root: &Path, model: &Model, crates: Crates, settings: BTreeSet<PathBuf>) -> Self {
        let relative = |path: &Path| path.strip_prefix(root).map(Path::to_owned).ok().filter(|path| !path.as_os_str().is_empty());
        let develop = model.develop.clone().unwrap_or_default();
        // The builder has everything mounted, and reads it when it is told to.
        let others = model.services.iter().filter(|(name, _)| **name != develop.builder);
        let mounts = others.clone().flat_map(|(name, service)| service.mounts().map(|path| (path.to_owned(), name.clone())));
        let rules = others.flat_map(|(name, service)| service.rules().iter().map(|rule| (name.clone(), rule.clone())));
        Self {
            crates,
            programs: develop.programs.into_values().collect(),
            mounts: mounts.filter_map(|(path, name)| Some((relative(&path)?, name))).collect(),
            reloadable: develop.reload.into_keys().collect(),
            migrations: model.migrations.as_ref().map(|migrations| plain(&Path::new("infra").join(&migrations.directory))),
            rules: rules.filter_map(|(name, rule)| Some((name, Rule { path: relative(&rule.path)?, ..rule }))).collect(),
            settings,
        }
    }

    /// What has to happen after `paths` (relative to the root) changed.
    pub(crate) fn plan<'a>(&self, paths: impl IntoIterator<Item = &'a Path>) -> Plan {
        paths.into_iter().map(|path| self.one(path)).fold(Plan::default(), Plan::and)
    }

    /// The rules of Compose that cannot be followed here: the services that have them.
    pub(crate) fn unknown_rules(&self) -> BTreeSet<&str> {
        self.rules.iter().filter(|(_, rule)| rule.action == Action::Unknown).map(|(service, _)| service.as_str()).collect()
    }

    /// What `service` has mounted, below the root.
    pub(crate) fn mounted(&self, service: &str) -> Vec<PathBuf> {
        self.mounts.iter().filter(|(_, of)| of == service).map(|(path, _)| path.clone()).collect()
    }

    /// The services that take new files when they are told to.
    pub(crate) fn reloadable(&self) -> impl Iterator<Item = &String> {
        self.reloadable.iter()
    }

    /// As if every source had changed.
    pub(crate) fn everything(&self) -> Plan {
        Plan { build: self.programs.clone(), migrate: self.migrations.is_some(), ..Plan::default() }
    }

    fn one(&self, path: &Path) -> Plan {
        let mut plan = Plan { configure: self.settings.contains(path), ..Plan::default() };
        for (service, rule) in self.rules.iter().filter(|(_, rule)| rule.action != Action::Unknown) {
            if let Some(inside) = applies(rule, path) {
                let target = rule.target.as_ref().map(|target| joined(target, &inside));
                plan.rules.insert((service.clone(), rule.action, path.to_owned(), target));
            }
        }
        for (_, service) in self.mounts.iter().filter(|(dir, _)| path.starts_with(dir)) {
            if self.reloadable.contains(service) {
                plan.reload.insert(service.clone());
            } else {
                let style = path.extension().is_some_and(|extension| extension == "css");
                plan.refresh = plan.refresh.max(Some(if style { Refresh::Style } else { Refresh::Page }));
            }
        }
        // What a service reads as it is, or a rule takes care of, is no source of a program.
        if !plan.is_empty() {
            return plan;
        }
        if [Path::new("Cargo.toml"), Path::new("Cargo.lock")].contains(&path) {
            plan.build.clone_from(&self.programs);
        } else if let Some(owner) = self.crates.owner(path) {
            plan.build = self.programs.iter().filter(|program| self.crates.built_from(program, owner)).cloned().collect();
        }
        plan.migrate = self.migrations.as_ref().is_some_and(|directory| path.starts_with(directory));
        plan
    }
}

/// The part of `path` below the path of `rule`, where the rule applies.
fn applies(rule: &Rule, path: &Path) -> Option<PathBuf> {
    let inside = path.strip_prefix(&rule.path).ok()?;
    let meant = |pattern: &String| {
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        inside.ancestors().any(|part| !part.as_os_str().is_empty() && matches(pattern, &slashed(part)))
    };
    let counts = rule.include.is_empty() || rule.include.iter().any(meant);
    (counts && !rule.ignore.iter().any(meant)).then(|| inside.to_owned())
}

/// Whether `text` matches a pattern of a `.dockerignore`: `*` and `?` stay within a part of a path, `**` does not.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => match pattern.strip_prefix("**") {
            Some(rest) => {
                let rest = rest.strip_prefix('/').unwrap_or(rest);
                text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..]))
            }
            None => {
                let end = text.find('/').unwrap_or(text.len());
                text[..end].char_indices().map(|(at, _)| at).chain([end]).any(|at| matches(&pattern[1..], &text[at..]))
            }
        },
        Some('?') => text.chars().next().is_some_and(|first| first != '/' && matches(&pattern[1..], &text[first.len_utf8()..])),
        Some(sign) => text.strip_prefix(sign).is_some_and(|text| matches(&pattern[sign.len_utf8()..], text)),
    }
}

/// `/srv/app` and `css/a.css` → `/srv/app/css/a.css`; containers have slashes, whatever the host has.
fn joined(target: &str, inside: &Path) -> String {
    let parts = inside.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    std::iter::once(target.trim_end_matches('/').to_owned()).chain(parts).collect::<Vec<_>>().join("/")
}

/// Without `.` and `..`, as text: no file is looked at.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            std::path::Component::ParentDir => drop(plain.pop()),
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
        plain
    })
}

#[cfg(test)]
mod tests;
