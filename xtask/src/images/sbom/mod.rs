//! What an image consists of, as a CycloneDX document: the same image gives the same document.

mod document;
mod materials;

pub(crate) use self::document::{Subject, document};
pub(crate) use self::materials::{Lock, Materials};
