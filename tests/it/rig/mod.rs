//! What the tests run on.

pub(crate) mod postgres;
pub(crate) mod relay;

pub(crate) use postgres::{Database, database};
