//! The pages in a real browser, through the real proxy.

mod access;
mod away;
mod barriers;
mod board;
mod delivery;
mod live;
mod looks;
mod restart;
mod scriptless;
mod titles;
