//! Manifests: reading and deleting them. [`put`] stores one.

mod put;

use bytes::Bytes;
use tokio_postgres::Row;

use crate::oci::{Digest, Reference, RepositoryName};
use crate::rights::{Access, Action};
use crate::store::accounts::access::{Asking, admitted, asking};
use crate::store::db::connection::Param;
use crate::store::db::retry::{bounded, retrying};
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

pub use put::{NewManifest, Put};

/// A manifest as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its digest.
    pub digest: Digest,
    /// What it was pushed as.
    pub media_type: String,
    /// Its bytes, exactly.
    pub raw: Bytes,
}

/// What a manifest is, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestHead {
    /// Its digest.
    pub digest: Digest,
    /// What it was pushed as.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
}

impl Store {
    /// Finds a manifest of a repository.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Denied`] to whoever may not pull from there.
    pub async fn manifest(
        &self,
        access: &Access,
        reference: &Reference,
    ) -> Result<Option<StoredManifest>, StoreError> {
        let (query, name) = match reference {
            Reference::Digest(digest) => (Query::ManifestByDigest, digest.as_str()),
            Reference::Tag(tag) => (Query::ManifestByTag, tag.as_str()),
        };
        let row = self.look_up(access, query, name).await?;
        if row.try_get::<_, Option<&str>>("digest")?.is_none() {
            return Ok(None);
        }
        Ok(Some(StoredManifest {
            digest: parsed(&row, "digest")?,
            media_type: row.try_get("content_type")?,
            raw: row.try_get::<_, Vec<u8>>("raw")?.into(),
        }))
    }

    /// As [`Store::manifest`], without the bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn manifest_head(
        &self,
        access: &Access,
        reference: &Reference,
    ) -> Result<Option<ManifestHead>, StoreError> {
        let (query, name) = match reference {
            Reference::Digest(digest) => (Query::ManifestHeadByDigest, digest.as_str()),
            Reference::Tag(tag) => (Query::ManifestHeadByTag, tag.as_str()),
        };
        let row = self.look_up(access, query, name).await?;
        if row.try_get::<_, Option<&str>>("digest")?.is_none() {
            return Ok(None);
        }
        Ok(Some(ManifestHead {
            digest: parsed(&row, "digest")?,
            media_type: row.try_get("content_type")?,
            size: unsigned(&row, "size")?,
        }))
    }

    /// One row of one of the four reads above.
    async fn look_up(&self, access: &Access, query: Query, name: &str) -> Result<Row, StoreError> {
        let Asking { repository, revision, patterns, roles } = asking(access, Action::Pull);
        let params: [Param<'_>; 5] = [&repository, &name, &revision, &patterns, &roles];
        let row = bounded(self.reads().row(query, params)).await?;
        admitted(row.as_ref())?;
        row.ok_or(StoreError::Denied)
    }

    /// Takes a manifest from a repository, with its tags there. Answers whether it was there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let (repository, digest) = (repository.as_str(), digest.as_str());
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let (begun, locked, deleted, committed) = tokio::join!(
                biased;
                lease.begin(),
                lease.row(Query::ManifestLockLink, [&repository, &digest]),
                lease.count(Query::ManifestDelete, [&repository, &digest]),
                lease.commit(),
            );
            begun?;
            locked?;
            let deleted = deleted? > 0;
            committed?;
            lease.release();
            Ok(deleted)
        })
        .await
    }
}
