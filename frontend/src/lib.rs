//! The frontend of Slipway: server-rendered pages of the task board, and the assets they use.

pub mod assets;
pub mod backend;
pub mod cli;
pub mod config;
pub mod health;
pub mod http;
pub mod logging;
pub mod server;
pub mod site;
pub mod supervisor;
pub mod templates;
