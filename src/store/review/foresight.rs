//! What a review would remove, without a change.

use std::time::Duration;

use tokio_postgres::Row;

use super::item::ReviewKind;
use super::queue::Reviews;
use crate::store::db::row::unsigned;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// Something that a review would remove now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// What it is.
    pub kind: ReviewKind,
    /// The repository that it is in; `None` for content.
    pub repository: Option<String>,
    /// Digest of the blob or the manifest.
    pub digest: String,
    /// Length in bytes.
    pub size: u64,
}

impl Reviews<'_> {
    /// At most `limit` links, manifests and blobs each that a review would remove now. Untagged manifests are in
    /// [`Reviews::due_untagged`].
    pub async fn foresee(self, window: Duration, limit: u32) -> Result<Vec<Foreseen>, StoreError> {
        let params = [&window.as_secs_f64() as _, &i64::from(limit) as _];
        let rows = self.0.rows(Query::ReviewForesee, params).await?;
        rows.iter().map(Foreseen::read).collect()
    }
}

impl Foreseen {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: ReviewKind::parse(row.try_get("kind")?)?,
            repository: row.try_get("repository")?,
            digest: row.try_get("digest")?,
            size: unsigned(row, "size")?,
        })
    }
}
