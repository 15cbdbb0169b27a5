//! Programs that tests run: `xtask` as a user would, and `docker` to look at or break what xtask made.

use std::io::Write as _;
use std::process::{Command, Stdio};

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

    /// Runs `cargo xtask` with `args` on another instance of the same environment. The flags come first: what follows `--` belongs to others.
    pub(crate) fn xtask_on(&self, instance: &str, args: &[&str], input: &str) -> Outcome {
        let flags = ["--env", "test", "--instance", instance];
        run(&self.root, &self.xtask, &[&flags[..], args].concat(), input)
    }

    /// Runs `docker` with `args`.
    pub(crate) fn docker(&self, args: &[&str]) -> Outcome {
        run(&self.root, "docker", args, "")
    }

    /// Kills the main process of `service` with SIGKILL, as the kernel does when memory runs out.
    pub(crate) fn kill(&self, service: &str) {
        self.docker(&["kill", "--signal", "KILL", &self.container(service)]).good();
    }
}

// Tests start programs as a person does, without xtask's own wrapper.
#[allow(clippy::disallowed_methods)]
fn run(dir: &str, program: &str, args: &[&str], input: &str) -> Outcome {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run `{program}`: {error}"));
    // A program that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
