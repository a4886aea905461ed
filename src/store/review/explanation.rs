//! Why something is kept: everything that names a digest.

use std::time::{Duration, SystemTime};

use tokio_postgres::Row;
use uuid::Uuid;

use super::item::ReviewItem;
use super::queue::Reviews;
use super::untagged::TaggedFacts;
use crate::ipld::Cid;
use crate::oci::Digest;
use crate::store::db::database::Database;
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// Most entries of each list.
const LISTED: i64 = 100;

/// What names digests.
#[derive(Clone, Copy, Debug)]
pub struct Explanations<'s>(pub(crate) &'s Database);

/// A blob, whether a repository holds it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ExplainedBlob {
    pub cid: Cid,
    /// Length in bytes.
    pub size: u64,
    pub created_at: SystemTime,
    /// Whether a read found that the stored bytes are lost or wrong.
    pub quarantined: bool,
    /// When a review looks whether any repository holds it. `None` if no review is to come.
    pub reviewed_at: Option<SystemTime>,
    /// Until when a push or the queue of pins has claimed its CID.
    pub claimed_until: Option<SystemTime>,
    /// Number of repositories that hold it.
    pub repositories: u64,
}

/// A repository that holds a blob, and one manifest that names the blob there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct BlobHolder {
    pub repository: String,
    /// When a review looks whether a manifest names the blob.
    pub reviewed_at: Option<SystemTime>,
    /// `None` if nothing names it.
    pub named_by: Option<BlobName>,
}

/// A manifest or an index that names a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct BlobName {
    pub relation: String,
    pub digest: String,
    pub tags: Vec<String>,
}

/// An open upload that has stored the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct UploadHolder {
    pub repository: String,
    pub id: Uuid,
    pub subject: String,
    pub touched_at: SystemTime,
}

/// A manifest, whether a repository holds it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ExplainedManifest {
    pub media_type: String,
    /// Length in bytes.
    pub size: u64,
    pub created_at: SystemTime,
    /// When a review looks whether any repository holds it. `None` if no review is to come.
    pub reviewed_at: Option<SystemTime>,
    /// Number of repositories that hold it.
    pub repositories: u64,
    /// Repositories in which an index names it. An index keeps the manifest, but not its link.
    pub indexed_in: Vec<String>,
}

/// A repository that holds a manifest, and what names the manifest there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct ManifestHolder {
    pub repository: String,
    /// When a review judges it by the policy for untagged manifests.
    pub reviewed_at: Option<SystemTime>,
    pub tags: Vec<String>,
    /// Digests of indexes that name it.
    pub indexes: Vec<String>,
    /// Digests of manifests that refer to it.
    pub referrers: Vec<String>,
    /// The manifest that it refers to, if the repository holds that.
    pub subject: Option<String>,
    /// The same as a policy sees it.
    pub facts: Option<TaggedFacts>,
}

impl Explanations<'_> {
    /// Finds a blob.
    pub async fn blob(
        self,
        digest: &Digest,
        window: Duration,
    ) -> Result<Option<ExplainedBlob>, StoreError> {
        let params = [&digest.as_str() as _, &window.as_secs_f64() as _];
        let rows = self.0.rows(Query::ExplanationBlob, params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(ExplainedBlob {
            cid: parsed(row, "ipfs_cid")?,
            size: unsigned(row, "size")?,
            created_at: row.try_get("created_at")?,
            quarantined: row.try_get("quarantined")?,
            reviewed_at: row.try_get("reviewed_at")?,
            claimed_until: row.try_get("claimed_until")?,
            repositories: unsigned(row, "repositories")?,
        }))
    }

    /// At most a hundred repositories that hold a blob, with at most a hundred manifests each.
    pub async fn blob_holders(
        self,
        digest: &Digest,
        window: Duration,
    ) -> Result<Vec<BlobHolder>, StoreError> {
        let params = [&digest.as_str() as _, &window.as_secs_f64() as _, &LISTED as _];
        let rows = self.0.rows(Query::ExplanationBlobHolders, params).await?;
        rows.iter().map(BlobHolder::read).collect()
    }

    /// At most a hundred open uploads with a part at `cid`.
    pub async fn upload_holders(self, cid: &Cid) -> Result<Vec<UploadHolder>, StoreError> {
        let cid = cid.to_string();
        let rows = self.0.rows(Query::ExplanationUploadHolders, [&cid, &LISTED]).await?;
        rows.iter().map(UploadHolder::read).collect()
    }

    /// Finds a manifest.
    pub async fn manifest(
        self,
        digest: &Digest,
        window: Duration,
    ) -> Result<Option<ExplainedManifest>, StoreError> {
        let params = [&digest.as_str() as _, &window.as_secs_f64() as _, &LISTED as _];
        let rows = self.0.rows(Query::ExplanationManifest, params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(ExplainedManifest {
            media_type: row.try_get("content_type")?,
            size: unsigned(row, "size")?,
            created_at: row.try_get("created_at")?,
            reviewed_at: row.try_get("reviewed_at")?,
            repositories: unsigned(row, "repositories")?,
            indexed_in: row.try_get("indexed_in")?,
        }))
    }

    /// At most a hundred repositories that hold a manifest.
    pub async fn manifest_holders(
        self,
        digest: &Digest,
        window: Duration,
    ) -> Result<Vec<ManifestHolder>, StoreError> {
        let params = [&digest.as_str() as _, &window.as_secs_f64() as _, &LISTED as _];
        let rows = self.0.rows(Query::ExplanationManifestHolders, params).await?;
        let mut holders = rows.iter().map(ManifestHolder::read).collect::<Result<Vec<_>, _>>()?;
        let items = rows.iter().map(ReviewItem::read).collect::<Result<Vec<_>, _>>()?;
        for facts in Reviews(self.0).describe(&items).await? {
            let holder = holders.iter_mut().find(|holder| holder.repository == facts.repository);
            if let Some(holder) = holder {
                holder.facts = Some(facts);
            }
        }
        Ok(holders)
    }
}

impl BlobHolder {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let digest: Option<String> = row.try_get("digest")?;
        let named_by = match digest {
            None => None,
            Some(digest) => Some(BlobName {
                relation: row.try_get("relation")?,
                digest,
                tags: row.try_get("tags")?,
            }),
        };
        let (repository, reviewed_at) = (row.try_get("repository")?, row.try_get("reviewed_at")?);
        Ok(Self { repository, reviewed_at, named_by })
    }
}

impl UploadHolder {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            repository: row.try_get("repository")?,
            id: row.try_get("id")?,
            subject: row.try_get("subject")?,
            touched_at: row.try_get("touched_at")?,
        })
    }
}

impl ManifestHolder {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            repository: row.try_get("repository")?,
            reviewed_at: row.try_get("reviewed_at")?,
            tags: row.try_get("tags")?,
            indexes: row.try_get("indexes")?,
            referrers: row.try_get("referrers")?,
            subject: row.try_get("subject")?,
            facts: None,
        })
    }
}
