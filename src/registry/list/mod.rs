//! The lists of repositories, tags and referrers.

mod catalog;
mod referrers;
mod tags;

pub use referrers::ReferrerPage;
