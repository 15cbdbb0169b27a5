//! `backend seed`: people and tasks to try things with.
use super::admin::{explain, pool};
use crate::accounts::{self, Email, Name, Role};
use crate::config::{Env, MigrateConfig};
use crate::jobs::{self, board_stats};
use crate::passwords::{Password, Passwords};
use anyhow::bail;
use clap::Args;
use sqlx::postgres::PgPool;
use std::io::{self, Write};
use time::{Date, Duration, OffsetDateTime};
use tokio::runtime::Builder;
use uuid::{NoContext, Timestamp, Uuid};

/// Everybody's password. It opens nothing but made-up accounts.
const PASSWORD: &str = "demo-board-by-the-harbour";
const PEOPLE: [(&str, &str, Role); 3] =
    [("ada@example.com", "Ada", Role::Admin), ("grace@example.com", "Grace", Role::User), ("edith@example.com", "Edith", Role::User)];
/// Statements of this many tasks stay far below the time that one may take.
const BATCH: u32 = 5_000;
const VERBS: [&str; 12] =
    ["Caulk", "Paint", "Order", "Inspect", "Replace", "Varnish", "Rig", "Launch", "Haul", "Splice", "Measure", "Polish"];
const THINGS: [&str; 20] = [
    "keel",
    "rudder",
    "mast",
    "boom",
    "sail",
    "anchor",
    "hull",
    "deck",
    "winch",
    "compass",
    "tiller",
    "halyard",
    "shroud",
    "bilge pump",
    "hatch",
    "transom",
    "bowsprit",
    "fender",
    "lantern",
    "cradle",
];
const SHIPS: [&str; 16] = [
    "Albatross",
    "Beagle",
    "Calypso",
    "Discovery",
    "Endeavour",
    "Fram",
    "Gjøa",
    "Halcyon",
    "Islander",
    "Juno",
    "Kestrel",
    "Lark",
    "Mistral",
    "Nautilus",
    "Osprey",
    "Petrel",
];

/// The flags of `backend seed`.
#[derive(Debug, Args)]
pub struct Seed {
    /// How many tasks to add
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    tasks: u32,
    /// Add them although the database has accounts of real people
    #[arg(long)]
    yes: bool,
}

impl Seed {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        super::block_on(&mut Builder::new_current_thread(), async {
            let MigrateConfig { database, .. } = MigrateConfig::read(Env::process())?;
            let pool = pool(&database);
            let strangers = accounts::count(&pool).await.map_err(explain)? - known(&pool).await?.len() as i64;
            if strangers > 0 && !self.yes {
                bail!(
                    "the database has {strangers} accounts that are not made up; add `--yes` to add made-up ones, with a password that everybody knows"
                );
            }
            let people = create_people(&pool).await?;
            create_tasks(&pool, self.tasks, &people).await.map_err(explain)?;
            let mut out = io::stdout();
            for (email, _, role) in PEOPLE {
                writeln!(out, "{email}  {PASSWORD}  {role:?}")?;
            }
            writeln!(out, "{} tasks added", self.tasks)?;
            Ok(())
        })
    }
}

/// Which of the made-up people are there.
async fn known(pool: &PgPool) -> anyhow::Result<Vec<Uuid>> {
    let mut known = Vec::new();
    for (email, ..) in PEOPLE {
        let Ok(email) = Email::parse(email) else { continue };
        known.extend(accounts::by_email(pool, &email).await.map_err(explain)?.map(|(account, _)| account.id));
    }
    Ok(known)
}

async fn create_people(pool: &PgPool) -> anyhow::Result<Vec<Uuid>> {
    for (email, name, role) in PEOPLE {
        let (Ok(email), Ok(name), Ok(password)) = (Email::parse(email), Name::parse(name), Password::parse(PASSWORD, &[])) else {
            continue;
        };
        let Ok(hash) = Passwords::default().hash(password).await else { bail!("the password cannot be hashed") };
        // One that is there stays as it is.
        accounts::create(pool, &email, &name, &hash, role).await.map_err(explain)?;
    }
    known(pool).await
}

/// Adds tasks of the last minutes, days or years, in the order of their ids. Every third one is done.
async fn create_tasks(pool: &PgPool, count: u32, people: &[Uuid]) -> Result<(), sqlx::Error> {
    let now = OffsetDateTime::now_utc();
    for batch in 0..count.div_ceil(BATCH) {
        let (mut ids, mut titles, mut notes, mut due, mut assignees, mut times, mut done) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::<Option<Date>>::new(), Vec::<Option<Uuid>>::new(), Vec::new(), Vec::<bool>::new());
        for number in batch * BATCH..count.min((batch + 1) * BATCH) {
            let n = number as usize;
            let at = now - Duration::minutes(i64::from(count - number));
            let seconds = u64::try_from(at.unix_timestamp()).unwrap_or_default();
            ids.push(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.nanosecond())));
            // The divisors are coprime with the lengths, so that the combinations differ.
            titles.push(format!("{} the {} of the {} ({})", VERBS[n % 12], THINGS[n / 7 % 20], SHIPS[n / 11 % 16], number + 1));
            notes.push(if n.is_multiple_of(5) {
                format!("Slip {}. Ask for the {} first.", n % 97, THINGS[n / 3 % 20])
            } else {
                String::new()
            });
            due.push((n % 4 == 1).then(|| now.date() + Duration::days(n as i64 % 30 - 5)));
            assignees.push(people.get(n % (people.len() + 2)).copied());
            times.push(at);
            done.push(n % 3 == 2);
        }
        let sql = "INSERT INTO tasks (id, title, notes, due_on, assignee_id, created_by, created_at, updated_at, completed_at)
                   SELECT id, title, notes, due_on, assignee, $7, at, at, CASE WHEN done THEN at + interval '1 minute' END
                   FROM unnest($1::uuid[], $2::text[], $3::text[], $4::date[], $5::uuid[], $6::timestamptz[], $8::boolean[])
                        AS new (id, title, notes, due_on, assignee, at, done)";
        let insert =
            sqlx::query(sql).bind(ids).bind(titles).bind(notes).bind(due).bind(assignees).bind(times).bind(people.first()).bind(done);
        insert.execute(pool).await?;
    }
    jobs::enqueue(&mut *pool.acquire().await?, &board_stats::request()).await?;
    Ok(())
}
