//! The lists of repositories, tags and referrers, a page at a time.

mod catalog;
mod page;
mod referrers;
mod tags;

pub use page::Page;
pub use referrers::ImageIndex;
