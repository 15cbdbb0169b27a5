//! Typed settings: what a person writes in `infra/env/`, checked before anything starts.

pub(crate) mod decode;
pub(crate) mod environment;
pub(crate) mod hidden;
pub(crate) mod layers;
pub(crate) mod load;
pub(crate) mod problem;
pub(crate) mod references;
pub(crate) mod values;
mod variables;
