//! Storing a manifest, in one transaction of two round trips: hold what it names, then write.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;
use tokio_postgres::Row;

use crate::oci::{Digest, RepositoryName, Tag};
use crate::store::db::pool::Lease;
use crate::store::db::retry::retrying;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// A manifest that is to be stored, and what it names.
#[derive(Clone, Debug)]
pub struct NewManifest {
    /// Where to.
    pub repository: RepositoryName,
    /// Of `raw`.
    pub digest: Digest,
    /// What it is pushed as. A digest that is stored already keeps the type of its first push.
    pub media_type: String,
    /// The exact bytes.
    pub raw: Bytes,
    /// The same as JSON, for operators' queries; `None` when JSONB cannot hold it.
    pub data: Option<Value>,
    /// What a list of referrers filters by.
    pub artifact_type: Option<String>,
    /// The digest of the manifest that this one is about; it need not exist.
    pub subject: Option<String>,
    /// What a list of referrers shows.
    pub annotations: Option<Value>,
    /// Must be here, sound.
    pub blobs: Vec<Digest>,
    /// Are held if they are here.
    pub loose_blobs: Vec<Digest>,
    /// Must be here as manifest or as sound blob, unless `allow_sparse`.
    pub children: Vec<Digest>,
    /// Whether children may be missing.
    pub allow_sparse: bool,
    /// What will name it.
    pub tags: Vec<Tag>,
}

/// How [`Store::put_manifest`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// The manifest is stored and tagged.
    Done,
    /// Nothing is: the repository does not hold these.
    Missing(Vec<Digest>),
}

/// What of a manifest's references the repository holds.
#[derive(Default)]
struct Held {
    blobs: HashMap<String, i64>,
    manifests: HashMap<String, i64>,
}

/// The columns of `manifest/put` that link a manifest to what it names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Links<'a> {
    blobs: Vec<i64>,
    children: Vec<&'a str>,
    child_manifests: Vec<Option<i64>>,
    child_blobs: Vec<Option<i64>>,
}

impl Store {
    /// Stores a manifest if the repository holds what it names, and moves its tags. Of two that move a tag, the one
    /// that commits last wins.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Conflict`] only after several attempts.
    pub async fn put_manifest(&self, new: &NewManifest) -> Result<Put, StoreError> {
        retrying(|| self.try_put_manifest(new)).await
    }

    async fn try_put_manifest(&self, new: &NewManifest) -> Result<Put, StoreError> {
        let (repository, digest) = (new.repository.as_str(), new.digest.as_str());
        let (blobs, children) = (blob_candidates(new), distinct(new.children.iter()));
        let lease = self.pool().lease().await?;
        let (begun, ensured, link, held_blobs, held_manifests) = tokio::join!(
            biased;
            lease.begin(),
            lease.row(Query::RepositoryEnsure, [&repository]),
            lease.row(Query::ManifestHoldLink, [&repository, &digest]),
            lease.rows(Query::ManifestLockBlobs, [&repository, &blobs]),
            held_children(&lease, repository, &children),
        );
        begun?;
        link?;
        let Some(repository) = ensured? else {
            return Err(StoreError::Internal("repository/ensure gave no row".into()));
        };
        let held = Held { blobs: ids(&held_blobs?)?, manifests: ids(&held_manifests?)? };
        let missing = missing(new, &held);
        if !missing.is_empty() {
            lease.rollback().await?;
            lease.release();
            return Ok(Put::Missing(missing));
        }
        let (written, committed) = tokio::join!(
            biased;
            write(&lease, repository.try_get("id")?, new, links(&held, &children, new)),
            lease.commit(),
        );
        written?;
        committed?;
        lease.release();
        Ok(Put::Done)
    }
}

async fn held_children(
    lease: &Lease,
    repository: &str,
    children: &[&str],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    if children.is_empty() {
        return Ok(Vec::new());
    }
    lease.rows(Query::ManifestChildren, [&repository, &children]).await
}

async fn write(
    lease: &Lease,
    repository: i64,
    new: &NewManifest,
    links: Links<'_>,
) -> Result<u64, tokio_postgres::Error> {
    let (digest, raw) = (new.digest.as_str(), &*new.raw);
    let mut tags: Vec<&str> = new.tags.iter().map(Tag::as_str).collect();
    tags.sort_unstable();
    tags.dedup();
    let artifact_type = new.artifact_type.as_deref().filter(|text| !text.contains('\0'));
    let annotations = new.annotations.as_ref().filter(|value| fits_jsonb(value));
    let data = new.data.as_ref().filter(|value| fits_jsonb(value));
    lease
        .count(
            Query::ManifestPut,
            [
                &repository,
                &digest,
                &new.media_type,
                &artifact_type,
                &new.subject,
                &annotations,
                &data,
                &raw,
                &links.blobs,
                &links.children,
                &links.child_manifests,
                &links.child_blobs,
                &tags,
            ],
        )
        .await
}

/// Whatever may be a blob, each once, in the order in which it is locked.
fn blob_candidates(new: &NewManifest) -> Vec<&str> {
    distinct(new.blobs.iter().chain(&new.loose_blobs).chain(&new.children))
}

fn distinct<'a>(digests: impl Iterator<Item = &'a Digest>) -> Vec<&'a str> {
    let mut distinct: Vec<&str> = digests.map(Digest::as_str).collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

fn ids(rows: &[Row]) -> Result<HashMap<String, i64>, StoreError> {
    rows.iter().map(|row| Ok((parsed(row, "digest")?, row.try_get("id")?))).collect()
}

/// What must be here and is not, each once, in the manifest's order.
fn missing(new: &NewManifest, held: &Held) -> Vec<Digest> {
    let has_blob = |digest: &Digest| held.blobs.contains_key(digest.as_str());
    let has_manifest = |digest: &Digest| held.manifests.contains_key(digest.as_str());
    let blobs = new.blobs.iter().filter(|blob| !has_blob(blob));
    let children = new
        .children
        .iter()
        .filter(|child| !new.allow_sparse && !has_manifest(child) && !has_blob(child));
    let mut missing: Vec<Digest> = Vec::new();
    for digest in blobs.chain(children) {
        if !missing.contains(digest) {
            missing.push(digest.clone());
        }
    }
    missing
}

fn links<'a>(held: &Held, children: &[&'a str], new: &NewManifest) -> Links<'a> {
    let mut links = Links::default();
    let blobs = distinct(new.blobs.iter().chain(&new.loose_blobs));
    links.blobs.extend(blobs.iter().filter_map(|blob| held.blobs.get(*blob)));
    for child in children {
        let manifest = held.manifests.get(*child).copied();
        let blob = held.blobs.get(*child).copied().filter(|_| manifest.is_none());
        links.children.push(child);
        links.child_manifests.push(manifest);
        links.child_blobs.push(blob);
    }
    links
}

/// JSONB holds no U+0000 (PostgreSQL manual, 8.14). Everything else that `serde_json` reads, it holds.
fn fits_jsonb(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.contains('\0'),
        Value::Array(values) => values.iter().all(fits_jsonb),
        Value::Object(members) => {
            members.iter().all(|(name, value)| !name.contains('\0') && fits_jsonb(value))
        }
    }
}
