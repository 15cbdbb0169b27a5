//! The pages in a real browser, through the real proxy.

mod access;
mod accounts;
mod admin;
mod away;
mod barriers;
mod board;
mod delivery;
mod details;
mod exports;
mod files;
mod filters;
mod live;
mod looks;
mod pictures;
mod restart;
mod scene;
mod scriptless;
mod steps;
mod titles;
mod together;
mod weight;
