//! What works where the data is. Bulk data goes through pipes between tar, zstd, pg_dump and this program, which counts and digests it on the way.

mod archive;
mod catalog;
mod create;
mod database;
mod failure;
mod globals;
mod journal;
mod lifeline;
mod origin;
mod place;
mod process;
mod psql;
mod redis;
mod repository;
mod restore;
mod savepoint;
mod swap;
mod talk;
mod tree;
mod verify;

use std::io::{BufRead as _, BufReader};
use std::process::ExitCode;

use anyhow::Context as _;
use backup::{Event, Location, Request};

use self::failure::Failure;
use self::place::Place;

/// Hears one request, does it, and says how it went.
pub(crate) fn run() -> ExitCode {
    match hear().and_then(|request| act(request, &Place::in_container())) {
        Ok(event) => {
            talk::say(&event);
            ExitCode::SUCCESS
        }
        Err(error) => {
            talk::say(&failure::event(&error));
            ExitCode::FAILURE
        }
    }
}

fn hear() -> anyhow::Result<Request> {
    let mut stdin = BufReader::new(std::io::stdin());
    let mut line = String::new();
    stdin.read_line(&mut line).context("cannot read the request")?;
    if line.is_empty() {
        return Err(Failure::new("this program is talked with by `cargo xtask backup`, not by hand").into());
    }
    let request = serde_json::from_str(&line).context("this is no request: the agent and `cargo xtask` are of different versions")?;
    lifeline::watch(stdin);
    Ok(request)
}

/// Does what is asked, after what an earlier run left half done.
fn act(request: Request, place: &Place) -> anyhow::Result<Event> {
    match request {
        Request::Show { file } => {
            let manifest = archive::Reader::open(&place.backups.join(file))?.manifest;
            Ok(Event::Backup { manifest: Box::new(manifest) })
        }
        Request::Verify { backup: Location::File(file), .. } => verify::verify(place, &file),
        Request::Verify { backup: Location::Snapshot { repository, id }, read_data } => {
            repository::verify(place, &repository, &id, read_data)
        }
        Request::List { repository } => {
            place.tidy()?;
            repository::list(place, &repository)
        }
        Request::Forget { repository, snapshots } => repository::forget(place, &repository, &snapshots),
        Request::Recover { parts } => {
            restore::recover(place, &parts)?;
            Ok(Event::Done { parts: Vec::new() })
        }
        Request::Create { about, parts, quiesce, strict, repository } => {
            place.tidy()?;
            let options = create::Options { quiesce, strict };
            match repository {
                None => create::create(place, about, &parts, options),
                Some(repository) => repository::create(place, about, &parts, options, &repository),
            }
        }
        Request::Restore { backup, parts, newest_migration, others, devices } => {
            restore::recover(place, &parts)?;
            restore::restore(place, &backup, (&parts, &others), newest_migration.as_deref(), devices)
        }
        Request::Save { name, parts } => {
            restore::recover(place, &parts)?;
            savepoint::save(place, &name, &parts)
        }
        Request::Load { name, parts, others } => {
            restore::recover(place, &parts)?;
            savepoint::load(place, &name, (&parts, &others))
        }
        Request::Remove { names, parts } => savepoint::remove_all(place, &names, &parts),
    }
}
