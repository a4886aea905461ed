//! Repositories: listing, creating and removing them.

mod empty;
mod namespace;
mod remove;
mod repositories;

pub use empty::Swept;
pub(crate) use repositories::ensure;
pub use repositories::{Repositories, RepositorySummary};
