//! Tests of the whole stack from outside, as one program: `cargo xtask test e2e` starts the stack and leads them to it.

mod harness;
mod pages;
mod routes;
