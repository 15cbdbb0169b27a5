//! From changed files to what has to happen. Pure: everything that is known about the stack comes in with the [`Planner`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::crates::Crates;
use super::patterns::{Excludes, meant};
use super::sync::Edit;
use crate::model::{Action, Model, Rule};
use crate::watch::Wanted;

/// Why a rule cannot be followed.
const ACTION: &str = "has an action that is not followed: sync, restart, sync+restart and rebuild are";
const PATH: &str = "names a path that is not below the root of the checkout: it is not watched";

/// What has to happen after some files changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Packages whose programs have to be built.
    pub(crate) build: BTreeSet<String>,
    /// Whether the database has to be brought up to date before new programs run.
    pub(crate) migrate: bool,
    /// What browsers have to take anew at once, because services read it from where it was edited.
    pub(crate) refresh: Option<Refresh>,
    /// Services that are asked whether their new files are good, and told to read them where they do not read them at each request.
    pub(crate) reload: BTreeSet<String>,
    /// Compose's own rules that apply: the service, and what it gets.
    pub(crate) rules: BTreeSet<(String, Edit)>,
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
    mounts: Vec<Mounted>,
    /// The services that are asked about new mounted files, and whether they have to be told to take them.
    reloadable: BTreeMap<String, bool>,
    migrations: Option<PathBuf>,
    rules: Vec<Watched>,
    /// The services that have rules which cannot be followed, and why.
    unfollowed: BTreeSet<(String, &'static str)>,
    settings: BTreeSet<PathBuf>,
}

/// A directory or file of the checkout that a service has mounted.
#[derive(Clone, Debug)]
struct Mounted {
    path: PathBuf,
    service: String,
    /// Where it is in the container.
    target: PathBuf,
}

/// A rule of `develop.watch` that is followed.
#[derive(Clone, Debug)]
struct Watched {
    service: String,
    path: PathBuf,
    include: Vec<String>,
    ignore: Vec<String>,
    /// What builds of the service's image do not see.
    excludes: Option<Excludes>,
    action: Action,
    target: Option<String>,
    initial: bool,
}

impl Watched {
    /// Whether `path`, which is below its own, is left out.
    fn leaves_out(&self, path: &Path) -> bool {
        let inside = path.strip_prefix(&self.path).unwrap_or(path);
        // What the rule itself names is meant, whatever builds do not see.
        let excluded = |excludes: &Excludes| !inside.as_os_str().is_empty() && excludes.leave_out(path);
        self.ignore.iter().any(|pattern| meant(pattern, inside)) || self.excludes.as_ref().is_some_and(excluded)
    }
}

impl Planner {
    /// For the stack `model` of the checkout at `root`, whose settings are in the files `settings` (relative to `root`); `excludes` has what the builds of
    /// services do not see.
    pub(crate) fn new(
        root: &Path,
        model: &Model,
        crates: Crates,
        settings: BTreeSet<PathBuf>,
        excludes: &BTreeMap<String, Excludes>,
    ) -> Self {
        let relative = |path: &Path| path.strip_prefix(root).map(Path::to_owned).ok().filter(|path| !path.as_os_str().is_empty());
        let develop = model.develop.clone().unwrap_or_default();
        // The builder has everything mounted, and reads it when it is told to.
        let others = || model.services.iter().filter(|(name, _)| **name != develop.builder);
        let mounts = others().flat_map(|(name, service)| service.binds().map(move |(path, target)| (path, name, target)));
        let mounts = mounts
            .filter_map(|(path, name, target)| Some(Mounted { path: relative(path)?, service: name.clone(), target: target.to_owned() }));
        let (mut rules, mut unfollowed) = (Vec::new(), BTreeSet::new());
        for (service, rule) in others().flat_map(|(name, service)| service.rules().iter().map(move |rule| (name, rule))) {
            match (relative(&rule.path), rule.action) {
                (_, Action::Unknown) => drop(unfollowed.insert((service.clone(), ACTION))),
                (None, _) => drop(unfollowed.insert((service.clone(), PATH))),
                (Some(path), action) => {
                    let Rule { target, ignore, include, initial_sync, .. } = rule.clone();
                    let excludes = excludes.get(service).cloned();
                    rules.push(Watched {
                        service: service.clone(),
                        path,
                        include,
                        ignore,
                        excludes,
                        action,
                        target,
                        initial: initial_sync,
                    });
                }
            }
        }
        Self {
            crates,
            programs: develop.programs.into_values().collect(),
            mounts: mounts.collect(),
            reloadable: develop.reload.into_iter().map(|(service, reload)| (service, reload.apply.is_some())).collect(),
            migrations: model.migrations.as_ref().map(|migrations| plain(&Path::new("infra").join(&migrations.directory))),
            rules,
            unfollowed,
            settings,
        }
    }

    /// What has to happen after `paths` (relative to the root) changed.
    pub(crate) fn plan<'a>(&self, paths: impl IntoIterator<Item = &'a Path>) -> Plan {
        paths.into_iter().map(|path| self.one(path)).fold(Plan::default(), Plan::and)
    }

    /// The rules of Compose that cannot be followed here: the services that have them, and why.
    pub(crate) fn unfollowed(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.unfollowed.iter().map(|(service, why)| (service.as_str(), *why))
    }

    /// What is watched although git ignores it: the paths of rules, as Compose has it, without what they leave out.
    pub(crate) fn wanted(&self) -> Wanted {
        let rules = self.rules.clone();
        Wanted::new(move |path, directory| {
            rules.iter().any(|rule| if directory { is_way(rule, path) } else { applies(rule, path).is_some() })
        })
    }

    /// The directories of rules whose files are brought at the beginning, whenever they were written.
    pub(crate) fn initial(&self) -> impl Iterator<Item = &Path> {
        self.rules.iter().filter(|rule| rule.initial).map(|rule| rule.path.as_path())
    }

    /// What follows for such a file.
    pub(crate) fn bring_at_first(&self, path: &Path) -> BTreeSet<(String, Edit)> {
        self.edits(path).filter(|(rule, _)| rule.initial).map(|(rule, edit)| (rule.service.clone(), edit)).collect()
    }

    /// Whether something in `directory` may be meant by a rule.
    pub(crate) fn is_on_the_way(&self, directory: &Path) -> bool {
        self.rules.iter().any(|rule| is_way(rule, directory))
    }

    /// What `service` has mounted, below the root.
    pub(crate) fn mounted(&self, service: &str) -> Vec<PathBuf> {
        self.mounts.iter().filter(|mount| mount.service == service).map(|mount| mount.path.clone()).collect()
    }

    /// The file of the checkout that `service` has at `path`.
    pub(crate) fn at_home(&self, service: &str, path: &Path) -> Option<PathBuf> {
        let inside = |mount: &Mounted| Some((path.strip_prefix(&mount.target).ok()?.to_owned(), mount.path.clone()));
        let mounts = self.mounts.iter().filter(|mount| mount.service == service && mount.target.is_absolute());
        let found = mounts.filter_map(inside);
        let (inside, root) = found.min_by_key(|(inside, _)| inside.components().count())?;
        // A mounted file has nothing inside.
        Some(if inside.as_os_str().is_empty() { root } else { root.join(inside) })
    }

    /// The services that have to be told to take new files.
    pub(crate) fn told(&self) -> impl Iterator<Item = &String> {
        self.reloadable.iter().filter(|(_, told)| **told).map(|(service, _)| service)
    }

    /// As if every source had changed.
    pub(crate) fn everything(&self) -> Plan {
        Plan { build: self.programs.clone(), migrate: self.migrations.is_some(), ..Plan::default() }
    }

    fn edits<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a Watched, Edit)> {
        self.rules.iter().filter_map(move |rule| {
            let inside = applies(rule, path)?;
            Some((rule, Edit { action: rule.action, path: path.to_owned(), inside, target: rule.target.clone() }))
        })
    }

    fn one(&self, path: &Path) -> Plan {
        let mut plan = Plan { configure: self.settings.contains(path), ..Plan::default() };
        plan.rules.extend(self.edits(path).map(|(rule, edit)| (rule.service.clone(), edit)));
        for Mounted { service, .. } in self.mounts.iter().filter(|mount| path.starts_with(&mount.path)) {
            let told = self.reloadable.get(service).copied();
            let style = path.extension().is_some_and(|extension| extension == "css");
            if told.is_some_and(|told| told || !style) {
                plan.reload.insert(service.clone());
            }
            if told != Some(true) {
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

/// Whether `directory` leads to files that `rule` may mean, or is one with such files.
fn is_way(rule: &Watched, directory: &Path) -> bool {
    rule.path.starts_with(directory) || (directory.starts_with(&rule.path) && !rule.leaves_out(directory))
}

/// The part of `path` below the path of `rule`, where the rule applies.
fn applies(rule: &Watched, path: &Path) -> Option<PathBuf> {
    let inside = path.strip_prefix(&rule.path).ok()?;
    let counts = rule.include.is_empty() || rule.include.iter().any(|pattern| meant(pattern, inside));
    (counts && !rule.leaves_out(path)).then(|| inside.to_owned())
}

/// Without `.` and `..`, as text: no file is looked at.
pub(super) fn plain(path: &Path) -> PathBuf {
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
