//! Carrying out what the cycle orders, and what became of it.

use std::time::Instant;

use super::connect::{ALL, plain, tell};
use super::cycle::{Ended, Id, Next, Order, Outcome as End};
use super::deeds::{self, Outcome};
use super::message::Message;
use super::protocol::{Phase, Problem, ToAgent, ToReloader};
use super::run::{Current, Loop};
use crate::commands;
use crate::engine::containers::REVERT;

/// The file and the line that a failed migration names: `error: backend/migrations/1_a.up.sql:7: …`.
fn place(text: &str) -> Option<(String, u64)> {
    let said = text.lines().find_map(|line| line.strip_prefix("error: "))?;
    let mut parts = said.splitn(3, ':');
    let (file, line) = (parts.next()?, parts.next()?.parse().ok()?);
    file.ends_with(".sql").then(|| (file.to_owned(), line))
}

impl Loop<'_, '_> {
    /// Does what `next` orders, and tells how the change ended that was under way.
    pub(super) fn follow(&mut self, next: Next) {
        if let Some(end) = &next.outcome {
            self.finish(end);
        }
        for order in next.orders {
            self.carry_out(order);
        }
    }

    /// The order `id` ended.
    pub(super) fn ended(&mut self, id: Id, ended: Ended) {
        let next = self.cycle.ended(id, ended);
        self.follow(next);
    }

    /// The build `id` ended; cargo took so long.
    pub(super) fn built(&mut self, id: Id, cargo_ms: u64, ended: Ended) {
        if let (Some(current), Ended::Built(Some(_))) = (&mut self.current, &ended) {
            current.built = Some(Instant::now());
            current.change.build_ms = Some(cargo_ms);
        }
        self.ended(id, ended);
        if let Some(current) = self.current.as_mut().filter(|current| current.built.is_some() && current.change.phase == Phase::Building) {
            current.change.phase = Phase::Swapping;
            let change = current.change.clone();
            self.tell.change(&change);
        }
    }

    fn carry_out(&mut self, order: Order) {
        self.volume.detail(format!("order: {order:?}"));
        match order {
            Order::Build(id, packages) => {
                self.errors.clear();
                self.talk.clear();
                if self.current.is_none() {
                    let waited = std::mem::take(&mut self.waiting);
                    let change = self.new_change(waited, 0, Phase::Building);
                    self.tell.change(&change);
                    self.current = Some(Current { change, built: None });
                }
                let mut touched = self.current.as_ref().map(|current| current.change.paths.clone()).unwrap_or_default();
                touched.retain(|path| path != ALL);
                match &self.agent {
                    Some((_, agent)) => tell(agent, &ToAgent::Build { id, packages: &packages, touched: &touched }),
                    None => {
                        self.without_builder();
                        self.ended(id, Ended::Built(None));
                    }
                }
            }
            Order::Promote(program, path) => {
                if let Some((_, agent)) = &self.agent {
                    tell(agent, &ToAgent::Promote { program: &program, path: &path });
                    self.promoting += 1;
                }
            }
            Order::Migrate(id) => {
                self.migration = Some(id);
                self.migrate_when_promoted();
            }
            Order::Swap(id, service, build) => match self.reloaders.get(&service) {
                Some((_, reloader)) => tell(reloader, &ToReloader::Swap { id, path: &build }),
                None => self.ended(id, Ended::Swapped(service, false)),
            },
        }
    }

    /// The one-shot that migrates starts with the promoted build, like any container.
    pub(super) fn migrate_when_promoted(&mut self) {
        if self.promoting == 0
            && let Some(id) = self.migration.take()
        {
            self.migrate(id);
        }
    }

    fn migrate(&mut self, id: Id) {
        let service = self.resolved.model.migrations.as_ref().map(|migrations| migrations.service.clone()).unwrap_or_default();
        let Some(container) = self.container(&service) else {
            self.migrated(id, Err(format!("the service `{service}` has no container")));
            return;
        };
        let send = self.send.clone();
        self.scope.spawn(move || drop(send.send(Message::Migrated(id, deeds::perform(&commands::engine::start_to_end(&container))))));
    }

    pub(super) fn migrated(&mut self, id: Id, outcome: Outcome) {
        let good = outcome.is_ok();
        match outcome {
            Ok(()) => self.tell.solved("migration"),
            Err(text) => {
                let title = "the migration failed: the programs before it go on".to_owned();
                let (file, line) = place(&text).unzip();
                let root = self.stack.project.root.display();
                let editor = file
                    .as_ref()
                    .zip(line)
                    .map(|(file, line)| format!("vscode://file/{}/{file}:{line}:1", root.to_string().trim_start_matches('/')));
                let column = line.map(|_| 1);
                self.tell.problem(Problem { title, text, file, line, column, editor, ..plain("migration", "migration", "migrate") });
            }
        }
        self.ended(id, Ended::Migrated(good));
    }

    /// Another command did `what`. After a migration was taken back, what did not migrate before is tried again.
    pub(super) fn done_elsewhere(&mut self, what: &str) {
        if what == REVERT && self.tell.open("migration") {
            let plan = self.planner.everything();
            self.bring(plan, vec![ALL.to_owned()], 0);
        }
    }

    fn finish(&mut self, end: &End) {
        let Some(mut current) = self.current.take() else { return };
        match end {
            End::Live(services) => {
                current.change.phase = Phase::Done;
                current.change.what = services.iter().cloned().collect();
                let since = current.built.filter(|_| !services.is_empty()).map(|built| built.elapsed().as_millis());
                current.change.swap_ms = since.and_then(|ms| u64::try_from(ms).ok());
            }
            End::NotBuilt | End::NotMigrated | End::NotStarted(_) => current.change.phase = Phase::Failed,
        }
        self.tell.change(&current.change);
        self.paint();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_migration_leads_to_its_line() {
        let text =
            "applied 1 a\nerror: backend/migrations/2_b.up.sql:7: syntax error at or near \"ALTR\"\n  the schema is as it was before it";
        assert_eq!(place(text), Some(("backend/migrations/2_b.up.sql".to_owned(), 7)));
        for other in ["error: backend/migrations/2_b.up.sql: duplicate key", "error: the database at db:5432 refuses us", ""] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
