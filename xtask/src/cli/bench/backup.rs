//! `bench backup`: a backup and a restore beside what people do without this: tar of the volumes, and restic alone.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use super::start::{timed, xtask};
use crate::bench::{Row, render};
use crate::cli::backup::Session;
use crate::cli::{Context, program};
use crate::commands;
use crate::commands::compose::Volumes;
use crate::data::agent::SERVICE;
use crate::data::store;
use crate::interrupt;
use crate::report::{Failure, Interrupted, human_bytes, product, table};

/// Bytes of files, how many files, and rows of the database, of which a thousand take about 150 kB, at scale 1.
const BYTES: u64 = 100_000_000;
const FILES: u64 = 2_000;
const ROWS: u64 = 700_000;

/// Measure `backup` and `restore` in turn with tar of the same volumes and with restic alone, on a stack of its own that is removed afterwards
#[derive(Args)]
pub(super) struct Backup {
    /// How often
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How much data: 1 is 100 MB in 2,000 files and a database of 100 MB
    #[arg(long, value_delimiter = ',', default_value = "1,4,10")]
    scale: Vec<u64>,
}

impl Backup {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        for scale in self.scale {
            let mut session = Session::begin(context, "bench")?;
            // What is measured takes the lock as everybody does.
            session.let_others();
            let agent = session.agent()?;
            if context.dry_run() {
                product(agent.command(crate::data::agent::Access::Read, &session.data).to_string());
                return Ok(());
            }
            session.stack.compose.down(Volumes::Remove).read()?;
            let measured = Bench { context, session: &session, scale }.measure(self.rounds);
            interrupt::clear();
            // Nothing is left for the next one to find, also when this one failed.
            session.stack.compose.down(Volumes::Remove).read()?;
            let _ = std::fs::remove_dir_all(session.directory());
            measured?;
        }
        Ok(())
    }
}

struct Bench<'a> {
    context: &'a Context,
    session: &'a Session<'a>,
    scale: u64,
}

impl Bench<'_> {
    fn measure(&self, rounds: u32) -> anyhow::Result<()> {
        let Self { context, session, scale } = self;
        context.volume().say(format!("scale {scale}: making data"));
        session.start(&session.data)?;
        self.seed()?;
        let outside = session.stack.project.root.join("target/bench-backup");
        let program = program()?;
        let own = |args: &[&str]| xtask(&program, &session.stack, args);
        let mut rows = [
            ("backup / tar czf", Vec::new(), Vec::new()),
            ("backup / restic, first", Vec::new(), Vec::new()),
            ("restore / tar xzf", Vec::new(), Vec::new()),
        ];
        let mut sizes = Vec::new();
        for round in 1..=rounds {
            context.volume().say(format!("scale {scale}: round {round} of {rounds}"));
            // Whoever follows finds what is on the disk, and not still on its way there.
            let empty = || -> anyhow::Result<()> {
                let _ = std::fs::remove_dir_all(&outside);
                std::fs::create_dir_all(&outside).with_context(|| format!("cannot make {}", outside.display()))?;
                self.within(&outside, "sync").map(drop)
            };
            empty()?;
            let ours = timed(&own(&["backup", "--quiet"]))?;
            empty()?;
            let tar = self.within(&outside, "tar czf /out/all.tar.gz --exclude=.slipway -C /set/volumes . || test $? = 1")?;
            let tar_bytes = size(&outside);
            let restored = timed(&own(&["restore", "--quiet", "--yes"]))?;
            timed(&own(&["snapshot", "rm", "before-restore", "--quiet"]))?;
            let untarred = self.within(&outside, "mkdir /out/all; tar xzf /out/all.tar.gz -C /out/all")?;
            empty()?;
            let restic = "export RESTIC_REPOSITORY=/out/repository RESTIC_PASSWORD=bench; restic --quiet --no-cache init; restic --quiet --no-cache backup /set/volumes";
            let first = self.within(&outside, restic)?;
            let backup_bytes = store::list(&session.directory())?.last().map_or(0, store::Backup::bytes);
            sizes.push((backup_bytes, tar_bytes, size(&outside)));
            for (row, (ours, theirs)) in rows.iter_mut().zip([(ours, tar), (ours, first), (restored, untarred)]) {
                row.1.push(ours);
                row.2.push(theirs);
            }
        }
        let _ = std::fs::remove_dir_all(&outside);
        let rows = rows.map(|(action, ours, theirs)| Row { action: action.to_owned(), ours, theirs });
        product(format!("scale {scale}\n{}", render("OTHER", &rows)));
        if let Some((ours, tar, restic)) = sizes.last() {
            let cells = [[human_bytes(*ours), human_bytes(*tar), human_bytes(*restic)]];
            product(format!("\n{}\n", table(["SLIPWAY", "TAR CZF", "RESTIC"], &cells)));
        }
        Ok(())
    }

    /// Random bytes in files, as pictures are, and rows that compress as text does.
    fn seed(&self) -> anyhow::Result<()> {
        let (bytes, files) = (BYTES / FILES, FILES * self.scale);
        let script = format!(
            "cd /set/volumes/media; for d in $(seq 0 99); do mkdir -p d$d; done; \
             head -c $(({bytes} * {files})) /dev/urandom | split --bytes={bytes} --suffix-length=6 --numeric-suffixes --filter='cat > d$((10#${{FILE#f}} % 100))/$FILE' - f"
        );
        self.within(Path::new("/tmp"), &script)?;
        let rows = ROWS * self.scale;
        let sql = format!(
            "CREATE TABLE bulk AS SELECT g AS id, md5(g::text) || md5((g * 7)::text) || md5((g / 10)::text) AS text FROM generate_series(1, {rows}) g;\n\
             ALTER TABLE bulk ADD PRIMARY KEY (id);\nALTER SYSTEM SET max_wal_size TO '64MB';\nALTER SYSTEM SET min_wal_size TO '32MB';\n\
             SELECT pg_reload_conf();\nCHECKPOINT;\nCHECKPOINT;\n"
        );
        let containers = self.session.stack.containers()?;
        let db = containers.iter().find(|container| container.service() == "db").context("the database runs")?;
        let psql = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", "--username=slipway", "--dbname=slipway"].map(str::to_owned);
        let psql = commands::engine::exec(db.name(), false, &psql);
        let output = psql.capture_with(sql)?;
        if output.code == 0 { Ok(()) } else { Err(psql.failed(&output).into()) }
    }

    /// Runs a script in the agent's image, with the volumes below /set/volumes and `outside` at /out; says how long it took.
    fn within(&self, outside: &Path, script: &str) -> anyhow::Result<Duration> {
        let image = self.session.resolved.model.services.get(SERVICE).and_then(|service| service.image.as_deref());
        let image = image.context("the agent has an image")?;
        let volumes: Vec<(String, String)> = self.session.data.iter().map(|data| (data.source.name.clone(), data.volume.clone())).collect();
        let run = commands::bench::beside(image, &volumes, outside, script);
        let begin = Instant::now();
        let output = run.capture()?;
        match output.code {
            0 => Ok(begin.elapsed()),
            _ if interrupt::requested() => Err(Interrupted.into()),
            code => Err(Failure::new(format!("what it is compared with failed with exit code {code}")).detail(output.stderr).into()),
        }
    }
}

/// The bytes of all files in `directory`.
fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.metadata().map_or(0, |metadata| if metadata.is_dir() { size(&entry.path()) } else { metadata.len() })).sum()
}
