//! Finding and deleting manifests.

use std::time::Duration;

use bytes::Bytes;
use tokio_postgres::{Error, Row};

use crate::oci::{Digest, Reference, RepositoryName, Tag};
use crate::rights::{Access, Action};
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::gathered::{Lookup, SharedRow};
use crate::store::db::retry::Settled;
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The manifests of all repositories.
#[derive(Clone, Copy, Debug)]
pub struct Manifests<'s>(pub(crate) &'s Database);

/// A manifest and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct StoredManifest {
    pub digest: Digest,
    pub media_type: String,
    /// The exact bytes that were pushed.
    pub raw: Bytes,
}

/// A manifest whose bytes the caller has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct KnownManifest {
    pub digest: Digest,
    pub raw: Bytes,
}

/// The properties of a manifest, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ManifestHead {
    pub digest: Digest,
    pub media_type: String,
    /// Length in bytes.
    pub size: u64,
}

impl Manifests<'_> {
    /// Finds a manifest of a repository. If it is the `known` one, its bytes are not read again.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull from the repository.
    pub async fn get(
        self,
        access: &Access,
        reference: &Reference,
        known: Option<KnownManifest>,
    ) -> Result<Option<StoredManifest>, StoreError> {
        let digest = known.as_ref().map_or("", |known| known.digest.as_str());
        let found = self.find(access, reference, Some(digest)).await?;
        let row = found.as_ref();
        let Some(head) = ManifestHead::read(row)? else { return Ok(None) };
        let raw = match (known, row.try_get::<_, Option<&[u8]>>("raw")?) {
            (_, Some(raw)) => Bytes::copy_from_slice(raw),
            (Some(known), None) if known.digest == head.digest => known.raw,
            _ => return Err(StoreError::Internal("a manifest came without its bytes".into())),
        };
        Ok(Some(StoredManifest { digest: head.digest, media_type: head.media_type, raw }))
    }

    /// As [`get`](Self::get), without the bytes.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull from the repository.
    pub async fn head(
        self,
        access: &Access,
        reference: &Reference,
    ) -> Result<Option<ManifestHead>, StoreError> {
        ManifestHead::read(self.find(access, reference, None).await?.as_ref())
    }

    async fn find(
        self,
        access: &Access,
        reference: &Reference,
        known: Option<&str>,
    ) -> Result<SharedRow, StoreError> {
        match reference {
            Reference::Digest(digest) => self.find_by_digest(access, digest, known).await,
            Reference::Tag(tag) => self.find_by_tag(access, tag, known).await,
        }
    }

    async fn find_by_digest(
        self,
        access: &Access,
        digest: &Digest,
        known: Option<&str>,
    ) -> Result<SharedRow, StoreError> {
        let query = Query::ManifestFindByDigest;
        self.0.gathered_read(&Lookup::new(query, access, digest.as_str(), known)).await
    }

    async fn find_by_tag(
        self,
        access: &Access,
        tag: &Tag,
        known: Option<&str>,
    ) -> Result<SharedRow, StoreError> {
        let query = Query::ManifestFindByTag;
        self.0.gathered_read(&Lookup::new(query, access, tag.as_str(), known)).await
    }

    /// As [`head`](Self::head), and whether the manifest has been quiet for `quiet` and is not known to be needed: a review
    /// may remove it soon, so a client that is told of it must be given time by
    /// [`Reviews::save_manifest`](crate::store::Reviews::save_manifest).
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull from the repository.
    pub async fn head_expiring(
        self,
        access: &Access,
        digest: &Digest,
        quiet: Duration,
    ) -> Result<Option<(ManifestHead, bool)>, StoreError> {
        let (digest, quiet) = (digest.as_str(), quiet.as_secs_f64());
        let own = [&digest as _, &quiet as _];
        let row = self.0.gated_read(Query::ManifestHeadExpiring, access, Action::Pull, own).await?;
        let Some(head) = ManifestHead::read(&row)? else { return Ok(None) };
        Ok(Some((head, row.try_get("expiring")?)))
    }

    /// Removes a manifest from a repository, with its tags there. Returns whether the repository held it.
    pub async fn delete(
        self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let (repository, digest) = (repository.as_str(), digest.as_str());
        let deleted = self.0.settling(|| async {
            let lease = self.0.lease().await?;
            let lock = lock_link(&lease, repository, digest);
            lease.transaction(lock, delete(&lease, repository, digest)).await
        });
        let Settled { result: (_, deleted), in_doubt } = deleted.await?;
        // What a repetition does not find was removed by the attempt whose answer was lost.
        Ok(deleted > 0 || in_doubt)
    }
}

impl ManifestHead {
    /// `None` for a row whose columns are NULL.
    fn read(row: &Row) -> Result<Option<Self>, StoreError> {
        if row.try_get::<_, Option<&str>>("digest")?.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            digest: parsed(row, "digest")?,
            media_type: row.try_get("content_type")?,
            size: unsigned(row, "size")?,
        }))
    }
}

async fn lock_link(
    connection: &Connection,
    repository: &str,
    digest: &str,
) -> Result<Option<Row>, Error> {
    connection.row(Query::ManifestLockLink, &[&repository, &digest]).await
}

async fn delete(connection: &Connection, repository: &str, digest: &str) -> Result<u64, Error> {
    connection.count(Query::ManifestDelete, &[&repository, &digest]).await
}
