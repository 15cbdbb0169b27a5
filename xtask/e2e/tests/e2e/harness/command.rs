//! Programs that tests run: `xtask` as a user would, and `docker` to look at or break what xtask made.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Stack;

/// What a finished program left behind.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Itself, if the program succeeded.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.code, 0, "the program failed\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

impl Stack {
    /// Runs `cargo xtask` with `args` on this stack, with `input` on stdin.
    pub(crate) fn xtask_with(&self, args: &[&str], input: &str) -> Outcome {
        self.xtask_on(&self.instance, args, input)
    }

    /// Runs `cargo xtask` with `args` on this stack.
    pub(crate) fn xtask(&self, args: &[&str]) -> Outcome {
        self.xtask_with(args, "")
    }

    /// Starts `cargo xtask` with `args` in the checkout, whose place says which instance is meant, and leaves it running.
    pub(crate) fn xtask_here(&self, args: &[&str]) -> Running {
        Running::new(self.spawn(&self.xtask, &[&["--env", "test"], args].concat()))
    }

    /// Runs `cargo xtask` with `args` on another instance of the same environment. The flags come first: what follows `--` belongs to others.
    pub(crate) fn xtask_on(&self, instance: &str, args: &[&str], input: &str) -> Outcome {
        let flags = ["--env", "test", "--instance", instance];
        self.run(&self.xtask, &[&flags[..], args].concat(), input)
    }

    /// Runs `cargo xtask` with `args` on the same instance, as if it were of another environment.
    pub(crate) fn xtask_as(&self, environment: &str, args: &[&str]) -> Outcome {
        let flags = ["--env", environment, "--instance", &self.instance];
        self.run(&self.xtask, &[&flags[..], args].concat(), "")
    }

    /// Starts `cargo xtask` with `args` on this stack and leaves it running.
    pub(crate) fn xtask_start(&self, args: &[&str]) -> Running {
        let flags = ["--env", "test", "--instance", &self.instance];
        Running::new(self.spawn(&self.xtask, &[&flags[..], args].concat()))
    }

    /// Runs `docker` with `args`.
    pub(crate) fn docker(&self, args: &[&str]) -> Outcome {
        self.run("docker", args, "")
    }

    /// Starts `docker` with `args` and leaves it running.
    pub(crate) fn docker_start(&self, args: &[&str]) -> Running {
        Running::new(self.spawn("docker", args))
    }

    /// Runs `docker` with `args` and none of the caller's variables but those that programs and the engine are found by.
    pub(crate) fn docker_bare(&self, args: &[&str]) -> Outcome {
        let kept = ["PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"];
        let kept = kept.into_iter().filter_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)));
        let clean: Vec<String> = ["--ignore-environment".to_owned()].into_iter().chain(kept).chain(["docker".to_owned()]).collect();
        let clean: Vec<&str> = clean.iter().map(String::as_str).collect();
        self.run("env", &[&clean[..], args].concat(), "")
    }

    /// What the engine knows about the container of `service`.
    pub(crate) fn inspect(&self, service: &str) -> Value {
        let outcome = self.docker(&["container", "inspect", &self.container(service)]).good();
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()[0].take()
    }

    /// What `status --json` says about each service.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.xtask(&["status", "--json"]).good().stdout).unwrap()
    }

    /// The rows of an SQL query, without a header.
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        let psql = ["psql", "--username=slipway", "--dbname=slipway", "--no-psqlrc", "--tuples-only", "--no-align", "--command", sql];
        self.exec("db", &psql).good().stdout.lines().map(str::to_owned).collect()
    }

    /// Locks a table, so that a dump of it waits until this goes.
    pub(crate) async fn lock_table(&self, table: &str) -> Running {
        let sql = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)");
        let psql = ["psql", "--username=slipway", "--dbname=slipway", "--command", &sql];
        let holder = self.docker_start(&[&["exec", &self.container("db")], &psql[..]].concat());
        let held =
            format!("SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted");
        super::eventually("the table is locked", Duration::from_secs(30), || async {
            let count = self.query(&held);
            if count == ["1"] { Ok(()) } else { Err(count.join(",")) }
        })
        .await;
        holder
    }

    /// Lets go of all that [`Self::lock_table`] has.
    pub(crate) fn unlock_tables(&self) {
        self.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%IN ACCESS EXCLUSIVE MODE%' AND pid <> pg_backend_pid()");
    }

    /// Runs a program in the container of `service`: what `cargo xtask shell` does has tests of its own, and takes several times as long.
    pub(crate) fn exec(&self, service: &str, command: &[&str]) -> Outcome {
        self.exec_with(service, command, "")
    }

    /// The same, with `input` on stdin.
    pub(crate) fn exec_with(&self, service: &str, command: &[&str], input: &str) -> Outcome {
        self.run("docker", &[&["exec", "--interactive", &self.container(service)], command].concat(), input)
    }

    /// Kills all processes of `service` with SIGKILL, as the kernel does when memory runs out. `docker kill` would not do: the engine takes it
    /// for the wish of a person, and leaves the container stopped.
    pub(crate) fn kill(&self, service: &str) {
        let process = self.inspect(service)["State"]["Pid"].to_string();
        self.signal(&process, "KILL");
    }

    /// Sends a signal to a process, by the number that it has on the engine's machine.
    pub(crate) fn signal(&self, process: &str, signal: &str) {
        let image = self.inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned();
        let helper = ["run", "--rm", "--pid", "host", "--user", "0", "--network", "none", "--entrypoint", "bash"];
        self.docker(&[&helper[..], &[&image, "-c", &format!("kill -s {signal} {process}")]].concat()).good();
    }

    /// Sends a signal to the programs of `service`, not to what reaps them.
    pub(crate) fn signal_service(&self, service: &str, signal: &str) {
        let processes = self.docker(&["top", &self.container(service), "-eo", "pid,args"]).good().stdout;
        let numbers = processes.lines().skip(1).filter(|line| !line.contains("docker-init") && !line.contains("/sbin/tini"));
        let numbers: Vec<&str> = numbers.filter_map(|line| line.split_whitespace().next()).collect();
        self.signal(&numbers.join(" "), signal);
    }

    /// Runs a bash script in the network of the container of `service`, and with a view of its processes: most of our images have no shell.
    pub(crate) fn beside(&self, service: &str, script: &str, args: &[&str]) -> Outcome {
        let (image, container) = (self.inspect("proxy")["Config"]["Image"].as_str().unwrap().to_owned(), self.container(service));
        let within = format!("container:{container}");
        // The image carries Compose's label, but this is no container of the stack.
        let helper = ["run", "--rm", "--user", "0", "--label", "com.docker.compose.project=", "--network", &within, "--pid", &within];
        self.docker(&[&helper[..], &["--entrypoint", "bash", &image, "-c", script, "bash"], args].concat())
    }

    /// Whether a program of this machine runs that has `text` in its command line.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn runs(&self, text: &str) -> bool {
        Command::new("pgrep").args(["--full", "--", text]).stdout(Stdio::null()).status().unwrap().success()
    }

    /// Runs a program in the checkout.
    pub(crate) fn run(&self, program: &str, args: &[&str], input: &str) -> Outcome {
        finish(self.spawn(program, args), input)
    }

    // Tests start programs as a person does, without xtask's own wrapper.
    #[allow(clippy::disallowed_methods)]
    fn spawn(&self, program: &str, args: &[&str]) -> Child {
        Command::new(program)
            .args(args)
            .current_dir(&self.root)
            .envs(self.variables.clone())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run `{program}`: {error}"))
    }
}

/// A program that runs beside the test; it is killed when this goes.
pub(crate) struct Running {
    child: Child,
    /// Lines of both streams, as they come.
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let (send, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let send = send.clone();
            // The test may be over before the program is.
            std::thread::spawn(move || BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        }
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits until it has written a line that contains `text`, after those that were waited for before; returns the line.
    #[track_caller]
    pub(crate) fn see(&mut self, text: &str, limit: Duration) -> String {
        let begin = Instant::now();
        while let Some(left) = limit.checked_sub(begin.elapsed())
            && let Ok(line) = self.lines.recv_timeout(left)
        {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        let last = &self.seen[self.seen.len().saturating_sub(60)..];
        panic!("no line with `{text}` within {limit:?}, but {} lines, the last:\n{}", self.seen.len(), last.join("\n"));
    }

    /// Everything that it has written so far.
    pub(crate) fn said(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Asks it to stop, as Ctrl-C does, and waits for its end.
    pub(crate) fn stop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal("INT");
            let _ = self.child.wait();
        }
    }

    /// Sends the signal `name`, as `kill` knows it.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "the program is gone already:\n{}", self.seen.join("\n"));
    }

    /// The same, where it may have ended by itself.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn signal_if_there(&self, name: &str) {
        let _ = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
    }

    /// Sends the signal `name` to the programs that it has started, if there are any.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn signal_children(&self, name: &str) {
        let _ = Command::new("pkill").args([&format!("-{name}"), "-P", &self.child.id().to_string()]).status().unwrap();
    }

    /// Waits for its end; returns its code and everything it wrote.
    pub(crate) fn end(mut self) -> (i32, String) {
        drop(self.child.stdin.take());
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let rest: Vec<String> = self.lines.iter().collect();
        (code, [std::mem::take(&mut self.seen), rest].concat().join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most have ended by themselves.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn finish(mut child: Child, input: &str) -> Outcome {
    // A program that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
