//! `bench backup`: a backup and a restore beside what people do without this: tar of the volumes, and restic alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backup::Kind;
use clap::Args;

use super::start::{timed, xtask};
use crate::bench::{Row, render};
use crate::cli::backup::Session;
use crate::cli::{Context, Globals, program};
use crate::commands;
use crate::data::agent;
use crate::data::store;
use crate::interrupt;
use crate::process::Invocation;
use crate::report::{Failure, Interrupted, human_bytes, product, table};

/// Bytes of files, how many files, and rows of the database, of which a thousand take about 150 kB, at scale 1.
const BYTES: u64 = 100_000_000;
const FILES: u64 = 2_000;
const ROWS: u64 = 700_000;

/// Where the environment `bench-repository` has its repository.
const REPOSITORY: &str = "target/bench-repository";

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
            for sink in [Sink::File, Sink::Repository] {
                let globals = Globals { env: sink.environment().to_owned(), ..context.globals.clone() };
                let context = &Context { globals };
                let mut session = Session::begin(context, "bench")?;
                // What is measured takes the lock as everybody does.
                session.let_others();
                let own = session.agent()?;
                if context.dry_run() {
                    product(own.command(agent::Access::Read, &session.data).to_string());
                    continue;
                }
                context.remove_all(&session.stack)?;
                let bench = Bench { context, session: &session, sink, scale };
                let measured = bench.measure(self.rounds);
                interrupt::clear();
                // Nothing is left for the next one to find, also when this one failed. (What mounts volumes would make them anew afterwards.)
                bench.forget();
                context.remove_all(&session.stack)?;
                measured?;
            }
        }
        Ok(())
    }
}

/// What a backup goes into.
#[derive(Clone, Copy, PartialEq)]
enum Sink {
    File,
    Repository,
}

impl Sink {
    /// Where it is what `backup` takes.
    fn environment(self) -> &'static str {
        match self {
            Self::File => "bench",
            Self::Repository => "bench-repository",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Repository => "a repository",
        }
    }
}

struct Bench<'a> {
    context: &'a Context,
    session: &'a Session<'a>,
    sink: Sink,
    scale: u64,
}

/// How long ours and the other one took.
type Pair = (Duration, Duration);

/// What restic alone needs to know. (The name of the host is how it finds the backup before.)
const RESTIC: &str = "export RESTIC_REPOSITORY=/out/repository RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=/out/cache; restic --quiet";

impl Bench<'_> {
    fn measure(&self, rounds: u32) -> anyhow::Result<()> {
        let Self { context, session, scale, sink } = self;
        let title = format!("scale {scale}, into {}", sink.name());
        context.volume().say(format!("{title}: making data"));
        session.start(&session.data)?;
        self.seed()?;
        let actions = match sink {
            Sink::File => &["backup / tar czf", "restore / tar xzf", "backup / restic, first"][..],
            Sink::Repository => &[
                "first backup / restic",
                "next backup / restic",
                "next backup / pg_dump, restic",
                "after a write / pg_dump, restic",
                "restore / restic",
            ][..],
        };
        let mut rows: Vec<Row> = actions.iter().map(|action| Row { action: (*action).to_owned(), ..Row::default() }).collect();
        let mut sizes = [0; 2];
        for round in 1..=rounds {
            context.volume().say(format!("{title}: round {round} of {rounds}"));
            let (pairs, bytes) = match sink {
                Sink::File => self.file()?,
                Sink::Repository => self.repository()?,
            };
            for (row, (ours, theirs)) in rows.iter_mut().zip(pairs) {
                row.ours.push(ours);
                row.theirs.push(theirs);
            }
            sizes = bytes;
        }
        product(format!("{title}\n{}", render("OTHER", &rows)));
        let other = if *sink == Sink::File { "TAR CZF" } else { "RESTIC" };
        product(format!("\n{}\n", table(["SLIPWAY", other], &[sizes.map(human_bytes)])));
        Ok(())
    }

    /// One round of a file beside tar, and beside a first backup of restic.
    fn file(&self) -> anyhow::Result<(Vec<Pair>, [u64; 2])> {
        self.empty()?;
        let ours = self.own(&["backup"])?;
        let bytes = store::list(&self.session.directory())?.last().map_or(0, store::Backup::bytes);
        let tar = self.within("tar czf /out/all.tar.gz --exclude=.slipway -C /set/volumes . || test $? = 1")?;
        let tar_bytes = size(&self.outside());
        let restored = self.own(&["restore", "--yes"])?;
        self.own(&["snapshot", "rm", "before-restore"])?;
        let untarred = self.within("mkdir /out/all; tar xzf /out/all.tar.gz -C /out/all")?;
        self.empty()?;
        let restic = self.within(&format!("{RESTIC} init; restic --quiet backup --host bench /set/volumes || test $? = 3"))?;
        Ok((vec![(ours, tar), (restored, untarred), (ours, restic)], [bytes, tar_bytes]))
    }

    /// One round of a repository beside restic alone.
    fn repository(&self) -> anyhow::Result<(Vec<Pair>, [u64; 2])> {
        self.empty()?;
        let (first, next) = (self.own(&["backup"])?, self.own(&["backup"])?);
        let bytes = size(&self.session.stack.project.root.join(REPOSITORY));
        self.sql("UPDATE bulk SET text = text WHERE id = 1;\n".to_owned())?;
        let written = self.own(&["backup"])?;
        let alone = self.within(&format!("{RESTIC} init; restic --quiet backup --host bench /set/volumes || test $? = 3"))?;
        let again = self.within(&format!("{RESTIC} backup --host bench /set/volumes || test $? = 3"))?;
        let restic_bytes = size(&self.outside().join("repository"));
        self.by_hand(" init; restic --quiet")?;
        let by_hand = self.by_hand("")?;
        let restored = self.own(&["restore", "--yes"])?;
        self.own(&["snapshot", "rm", "before-restore"])?;
        let theirs = self.within(&format!("{RESTIC} restore latest --target /out/all"))?;
        Ok((vec![(first, alone), (next, again), (next, by_hand), (written, by_hand), (restored, theirs)], [bytes, restic_bytes]))
    }

    /// What a script does that takes care of the database: a dump through a pipe, and restic of it and of the other volumes.
    fn by_hand(&self, before: &str) -> anyhow::Result<Duration> {
        let others = self.session.data.iter().filter(|data| data.source.kind != Kind::Postgres);
        let others: Vec<String> = others.map(|data| format!("/set/volumes/{}", data.source.name)).collect();
        let restic = RESTIC.replace("/out/repository", "/out/by-hand");
        let script =
            format!("mkdir -p /out/set; cat > /out/set/database.dump; {restic}{before} backup --host bench /out/set {}", others.join(" "));
        let dump = ["pg_dump", "--username=slipway", "--format=custom", "--compress=0", "slipway"].map(str::to_owned);
        let begin = Instant::now();
        commands::engine::exec(&self.database()?, false, &dump).pipe_into(&self.script(&script)?)?;
        Ok(begin.elapsed())
    }

    /// A command of ours.
    fn own(&self, command: &[&str]) -> anyhow::Result<Duration> {
        timed(&xtask(&program()?, &self.session.stack, &[command, &["--quiet"]].concat()))
    }

    /// Where the others write.
    fn outside(&self) -> PathBuf {
        self.session.stack.project.root.join("target/bench-backup")
    }

    /// Removes what both wrote; what the others wrote is root's.
    fn forget(&self) {
        if self.outside().is_dir() {
            let _ = self.within("rm -rf /out/*");
        }
        let repository = self.session.stack.project.root.join(REPOSITORY);
        for directory in [self.outside(), self.session.directory(), repository] {
            let _ = std::fs::remove_dir_all(directory);
        }
    }

    /// Whoever follows finds nothing, and what it reads is on the disk and not still on its way there.
    fn empty(&self) -> anyhow::Result<()> {
        self.forget();
        std::fs::create_dir_all(self.outside()).with_context(|| format!("cannot make {}", self.outside().display()))?;
        self.within("sync").map(drop)
    }

    /// Random bytes in files, as pictures are, and rows that compress as text does.
    fn seed(&self) -> anyhow::Result<()> {
        let (bytes, files) = (BYTES / FILES, FILES * self.scale);
        let script = format!(
            "cd /set/volumes/media; for d in $(seq 0 99); do mkdir -p d$d; done; \
             head -c $(({bytes} * {files})) /dev/urandom | SHELL=/bin/bash split --bytes={bytes} --suffix-length=6 --numeric-suffixes --filter='cat > d$((10#${{FILE#f}} % 100))/$FILE' - f"
        );
        self.empty()?;
        self.within(&script)?;
        let rows = ROWS * self.scale;
        let sql = format!(
            "CREATE TABLE bulk AS SELECT g AS id, md5(g::text) || md5((g * 7)::text) || md5((g / 10)::text) AS text FROM generate_series(1, {rows}) g;\n\
             ALTER TABLE bulk ADD PRIMARY KEY (id);\nALTER SYSTEM SET max_wal_size TO '64MB';\nALTER SYSTEM SET min_wal_size TO '32MB';\n\
             SELECT pg_reload_conf();\nCHECKPOINT;\nCHECKPOINT;\n"
        );
        self.sql(sql)
    }

    /// Runs statements in the database.
    fn sql(&self, sql: String) -> anyhow::Result<()> {
        let psql = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", "--username=slipway", "--dbname=slipway"].map(str::to_owned);
        let psql = commands::engine::exec(&self.database()?, false, &psql);
        let output = psql.capture_with(sql)?;
        if output.code == 0 { Ok(()) } else { Err(psql.failed(&output).into()) }
    }

    /// The container of the database.
    fn database(&self) -> anyhow::Result<String> {
        let containers = self.session.stack.containers()?;
        let db = containers.iter().find(|container| container.service() == "db").context("the database runs")?;
        Ok(db.name().to_owned())
    }

    /// A script in the agent's image, with the volumes below /set/volumes and a directory for what it makes at /out.
    fn script(&self, script: &str) -> anyhow::Result<Invocation> {
        let image = agent::image(&self.session.resolved.model).context("the agent has an image")?;
        let volumes: Vec<(String, String)> = self.session.data.iter().map(|data| (data.source.name.clone(), data.volume.clone())).collect();
        Ok(commands::bench::beside(image, &volumes, &self.outside(), script))
    }

    /// Runs it; says how long it took.
    fn within(&self, script: &str) -> anyhow::Result<Duration> {
        let run = self.script(script)?;
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
