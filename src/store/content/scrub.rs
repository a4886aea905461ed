//! The scrub: which blobs are to be read and compared with their digests, and what came of it.

use std::time::{Duration, SystemTime};

use tokio_postgres::Row;

use crate::ipld::Cid;
use crate::oci::Digest;
use crate::store::db::database::Database;
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::jobs::backlog::{Backlog, COUNTED};

/// The blobs of all repositories, in the order in which they were last compared.
#[derive(Clone, Copy, Debug)]
pub struct Scrubs<'s>(pub(crate) &'s Database);

/// A blob whose bytes are to be compared with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ScrubItem {
    pub digest: Digest,
    pub cid: Cid,
    pub size: u64,
    /// When its quarantine began, if it is in one.
    pub quarantined_at: Option<SystemTime>,
    /// The transaction that last wrote the row: a push that brings the bytes again changes it.
    pub(crate) version: i64,
    /// Where the list goes on after this blob.
    pub place: ScrubPlace,
}

/// A place in the list of blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubPlace {
    compared_at: SystemTime,
    id: i64,
}

impl ScrubPlace {
    /// The place before the first blob.
    pub const START: Self = Self { compared_at: SystemTime::UNIX_EPOCH, id: 0 };
}

/// What there is to scrub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ScrubSummary {
    pub blobs: u64,
    pub bytes: u64,
    pub quarantined: u64,
    /// Blobs that no scrub has read yet.
    pub never: u64,
    pub due: u64,
    pub due_bytes: u64,
    /// When the blob was compared that has waited longest.
    pub oldest_at: Option<SystemTime>,
    /// When the scrub last compared a blob.
    pub newest_at: Option<SystemTime>,
}

impl Scrubs<'_> {
    /// The time before which a blob must have been compared to be due, `age` ago by the clock of the database.
    pub async fn cutoff(self, age: Duration) -> Result<SystemTime, StoreError> {
        let row = self.0.read(Query::ScrubCutoff, [&age.as_secs_f64()]).await?;
        let row = row.ok_or_else(|| StoreError::Internal("no row with a time".into()))?;
        Ok(row.try_get("cutoff")?)
    }

    /// Blobs that were last compared at `cutoff` or before, those that have waited longest first.
    pub async fn due(
        self,
        cutoff: SystemTime,
        after: ScrubPlace,
        limit: u32,
    ) -> Result<Vec<ScrubItem>, StoreError> {
        let ScrubPlace { compared_at, id } = after;
        let params = [&cutoff as _, &compared_at as _, &id as _, &i64::from(limit) as _];
        items(&self.0.rows(Query::ScrubDue, params).await?)
    }

    /// Blobs under quarantine that nobody has looked at since `cutoff`.
    pub async fn quarantined(
        self,
        cutoff: SystemTime,
        after: ScrubPlace,
        limit: u32,
    ) -> Result<Vec<ScrubItem>, StoreError> {
        let params = [&cutoff as _, &after.id as _, &i64::from(limit) as _];
        items(&self.0.rows(Query::ScrubQuarantined, params).await?)
    }

    /// One blob, whatever its age.
    pub async fn get(self, digest: &Digest) -> Result<Option<ScrubItem>, StoreError> {
        let row = self.0.read(Query::ScrubGet, [&digest.as_str()]).await?;
        row.as_ref().map(item).transpose()
    }

    /// Notes that the bytes of a blob match its digest, and ends its quarantine. Returns whether the row is still the one
    /// that was read: a push may have changed it.
    pub async fn passed(self, item: &ScrubItem) -> Result<bool, StoreError> {
        let (digest, cid) = (item.digest.as_str(), item.cid.to_string());
        let params = [&digest as _, &cid as _, &item.quarantined_at as _];
        Ok(self.0.count(Query::ScrubPassed, params).await? > 0)
    }

    /// Notes that a blob was read and that its bytes are lost or wrong.
    pub async fn failed(self, item: &ScrubItem) -> Result<(), StoreError> {
        let (digest, cid) = (item.digest.as_str(), item.cid.to_string());
        self.0.count(Query::ScrubFailed, [&digest, &cid]).await.map(drop)
    }

    /// Counts the blobs that are due at this `age`. Also returns how long ago the blob was compared that has waited longest.
    pub async fn backlog(self, age: Duration) -> Result<(Backlog, Option<Duration>), StoreError> {
        let params = [&age.as_secs_f64() as _, &COUNTED as _];
        let rows = self.0.rows(Query::ScrubBacklog, params).await?;
        let oldest: Option<f64> = rows.first().map(|row| row.try_get("age")).transpose()?.flatten();
        let oldest = oldest.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
        Ok((Backlog::read(&rows)?, oldest))
    }

    /// Counts all blobs, and those that are due at `cutoff`.
    pub async fn summary(self, cutoff: SystemTime) -> Result<ScrubSummary, StoreError> {
        let rows = self.0.rows(Query::ScrubSummary, [&cutoff]).await?;
        let row = rows.first().ok_or_else(|| StoreError::Internal("no row with counts".into()))?;
        Ok(ScrubSummary {
            blobs: unsigned(row, "blobs")?,
            bytes: unsigned(row, "bytes")?,
            quarantined: unsigned(row, "quarantined")?,
            never: unsigned(row, "never")?,
            due: unsigned(row, "due")?,
            due_bytes: unsigned(row, "due_bytes")?,
            oldest_at: row.try_get("oldest_at")?,
            newest_at: row.try_get("newest_at")?,
        })
    }
}

fn items(rows: &[Row]) -> Result<Vec<ScrubItem>, StoreError> {
    rows.iter().map(item).collect()
}

fn item(row: &Row) -> Result<ScrubItem, StoreError> {
    Ok(ScrubItem {
        digest: parsed(row, "digest")?,
        cid: parsed(row, "ipfs_cid")?,
        size: unsigned(row, "size")?,
        quarantined_at: row.try_get("quarantined_at")?,
        version: row.try_get("version")?,
        place: ScrubPlace { compared_at: row.try_get("compared_at")?, id: row.try_get("id")? },
    })
}
