//! Repositories: listing, creating and removing them.

mod remove;
mod repositories;

pub(crate) use repositories::ensure;
pub use repositories::{Repositories, RepositorySummary};
