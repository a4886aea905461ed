//! What was removed from repositories and can be brought back.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio_postgres::{Error, Row};

use crate::oci::{Digest, RepositoryName};
use crate::store::content::repository;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// Most repositories of one digest that are listed.
const LISTED: i64 = 1000;

/// Most deletions that one call of [`Deletions::forget`] removes.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// The deletions that can be undone.
#[derive(Clone, Copy, Debug)]
pub struct Deletions<'s>(pub(crate) &'s Database);

/// Something that was removed from a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Deletion {
    pub repository: RepositoryName,
    /// Whether it was a manifest, and not a blob.
    pub manifest: bool,
    /// Media type of the manifest in that repository.
    pub content_type: Option<String>,
    /// Tags that were removed with it.
    pub tags: Vec<String>,
    pub deleted_at: SystemTime,
    /// Until then it can be undone.
    pub forgotten_at: SystemTime,
}

impl Deletions<'_> {
    /// The last deletions of a digest, one for each repository.
    pub async fn list(
        self,
        digest: &Digest,
        window: Duration,
    ) -> Result<Vec<Deletion>, StoreError> {
        let (digest, window) = (digest.as_str(), window.as_secs_f64());
        let rows = self.0.rows(Query::DeletionList, [&digest, &LISTED, &window]).await?;
        rows.iter().map(Deletion::read).collect()
    }

    /// The bytes of a manifest, whether a repository holds it or not.
    pub async fn content(self, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        let rows = self.0.rows(Query::DeletionContent, [&digest.as_str()]).await?;
        rows.first().map(|row| Ok(row.try_get::<_, Vec<u8>>("raw")?.into())).transpose()
    }

    /// Links those of `blobs` to a repository again that were removed from it and are still stored. Makes the repository if
    /// it is gone. Returns their number.
    pub async fn relink(
        self,
        repository: &RepositoryName,
        blobs: &[Digest],
    ) -> Result<u64, StoreError> {
        let name = repository.as_str();
        let digests: Vec<&str> = blobs.iter().map(Digest::as_str).collect();
        let relinked = self.0.repeating(|| async {
            let lease = self.0.lease().await?;
            let both = async {
                let (ensured, relinked) = tokio::join!(
                    biased;
                    repository::ensure(&lease, name),
                    relink(&lease, name, &digests),
                );
                ensured?;
                relinked
            };
            lease.run(both).await
        });
        relinked.await
    }

    /// Sets the tags again that were removed with a manifest, but for those that exist by now. Returns their names.
    pub async fn retag(
        self,
        deletion: &Deletion,
        digest: &Digest,
    ) -> Result<Vec<String>, StoreError> {
        let (repository, digest) = (deletion.repository.as_str(), digest.as_str());
        let params = [&repository as _, &digest as _, &deletion.deleted_at as _];
        let rows = self.0.returning(Query::DeletionRetag, params).await?;
        rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
    }

    /// Forgets the deletions of a digest from a repository, because they were undone.
    pub async fn remove(
        self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        let (repository, digest) = (repository.as_str(), digest.as_str());
        self.0.count(Query::DeletionRemove, [&repository, &digest]).await.map(drop)
    }

    /// Forgets deletions that are older than `window`, at most a thousand in one call. Returns their number.
    pub async fn forget(self, window: Duration) -> Result<u64, StoreError> {
        let window = window.as_secs_f64();
        self.0.count(Query::DeletionForget, [&window, &FORGOTTEN_AT_ONCE]).await
    }
}

impl Deletion {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            repository: parsed(row, "repository")?,
            manifest: row.try_get::<_, &str>("kind")? == "manifest",
            content_type: row.try_get("content_type")?,
            tags: row.try_get("tags")?,
            deleted_at: row.try_get("deleted_at")?,
            forgotten_at: row.try_get("forgotten_at")?,
        })
    }
}

async fn relink(connection: &Connection, repository: &str, digests: &[&str]) -> Result<u64, Error> {
    connection.count(Query::DeletionRelink, &[&repository, &digests]).await
}
