//! Trees of files, and what tells whether two are the same: read from a directory, or from a tar stream that passes by.

mod digest;
mod tar;
mod walk;

pub(crate) use self::digest::{Attributes, Digest, Shape, hex};
pub(crate) use self::tar::{End, scan};
pub(crate) use self::walk::{look, walk};
