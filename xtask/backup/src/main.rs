//! The backup agent: a request comes on stdin, events go to stdout, and the end of stdin means that nobody waits any more.

mod agent;

fn main() -> std::process::ExitCode {
    agent::run()
}
