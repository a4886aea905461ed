//! All rows at one moment, and an empty database that takes them: COPY, on a connection of its own without time limits.

pub(crate) mod catalog;
pub(crate) mod load;
pub(crate) mod snapshot;
