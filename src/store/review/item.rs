//! The items of the queue.

use std::fmt;

use tokio_postgres::Row;

use crate::store::error::StoreError;

/// What an item of the queue stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReviewKind {
    /// A manifest in a repository that may have lost its last tag.
    Untagged,
    /// A blob in a repository that may be named by no manifest there.
    Link,
    /// A manifest that may be held by no repository.
    Manifest,
    /// A blob that may be held by no repository.
    Blob,
}

/// An item of the queue, by the ids of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReviewItem {
    /// The repository, 0 for content.
    pub(super) repository: i64,
    /// The blob or the manifest.
    pub(super) item: i64,
}

impl ReviewKind {
    /// All kinds, each before those that its removals put into the queue.
    pub const ALL: [Self; 4] = [Self::Untagged, Self::Link, Self::Manifest, Self::Blob];

    /// Its name in the database, in metrics and for operators.
    pub fn name(self) -> &'static str {
        match self {
            Self::Untagged => "untagged",
            Self::Link => "link",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
        }
    }

    pub(super) fn parse(name: &str) -> Result<Self, StoreError> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| StoreError::Internal(format!("{name} is no kind of reviews")))
    }
}

impl fmt::Display for ReviewKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ReviewItem {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { repository: row.try_get("repository_id")?, item: row.try_get("item_id")? })
    }
}

/// The ids of items as two parameters, repositories and items.
pub(super) fn columns(items: &[ReviewItem]) -> (Vec<i64>, Vec<i64>) {
    items.iter().map(|item| (item.repository, item.item)).unzip()
}
