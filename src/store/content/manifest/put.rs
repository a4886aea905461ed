//! Storing a manifest, in one transaction of two round trips: lock what it names, then write.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::Value;
use tokio_postgres::types::Json;
use tokio_postgres::{Error, Row};

use super::manifests::Manifests;
use crate::oci::{Digest, RepositoryName, Tag};
use crate::store::content::repository;
use crate::store::db::connection::Connection;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// A manifest to be stored, and the digests that it names.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct NewManifest {
    pub repository: RepositoryName,
    /// Digest of `raw`.
    pub digest: Digest,
    /// Media type of this push. The repository serves the manifest as this type from now on; others keep theirs.
    pub media_type: String,
    /// The exact bytes.
    pub raw: Bytes,
    /// Artifact type by which referrers are filtered.
    pub artifact_type: Option<String>,
    /// Digest of the manifest that this one is about; it need not exist.
    pub subject: Option<String>,
    /// Annotations that a list of referrers includes.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Blobs that the repository must hold, and not in quarantine.
    pub blobs: Vec<Digest>,
    /// Blobs that are linked to the manifest if the repository holds them.
    pub loose_blobs: Vec<Digest>,
    /// Entries of an index. The repository must hold each as manifest or as blob, unless `allow_sparse`.
    pub children: Vec<Digest>,
    /// Whether children may be missing.
    pub allow_sparse: bool,
    /// Tags that point to the manifest from now on.
    pub tags: Vec<Tag>,
}

/// Outcome of [`Manifests::put`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// The manifest is stored and tagged.
    Done,
    /// Nothing is stored, because the repository does not hold these.
    Missing(Vec<Digest>),
}

/// Row ids, by digest, of the blobs and manifests that the new manifest names and the repository holds.
#[derive(Default)]
struct Held {
    blobs: HashMap<String, i64>,
    manifests: HashMap<String, i64>,
}

/// The columns of `manifest/put` that describe the manifest. JSON that JSONB cannot hold becomes NULL.
struct Columns<'a> {
    artifact_type: Option<&'a str>,
    annotations: Option<Json<&'a BTreeMap<String, String>>>,
    data: Option<Value>,
    tags: Vec<&'a str>,
}

/// The columns of `manifest/put` that link a manifest to what it names.
#[derive(Default)]
struct Links<'a> {
    blobs: Vec<i64>,
    children: Vec<&'a str>,
    child_manifests: Vec<Option<i64>>,
    child_blobs: Vec<Option<i64>>,
}

impl Manifests<'_> {
    /// Stores a manifest if the repository holds what it names, and moves its tags. When two pushes move one tag, the
    /// one that commits last wins.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] only after several attempts.
    pub async fn put(self, new: &NewManifest) -> Result<Put, StoreError> {
        let columns = Columns::new(new);
        self.0.repeating(|| self.try_put(new, &columns)).await
    }

    async fn try_put(self, new: &NewManifest, columns: &Columns<'_>) -> Result<Put, StoreError> {
        let (name, digest) = (new.repository.as_str(), new.digest.as_str());
        let blobs = distinct(new.blobs.iter().chain(&new.loose_blobs).chain(&new.children));
        let children_named = distinct(new.children.iter());
        let lease = self.0.lease().await?;
        let first = async {
            let (ensured, link, blobs, manifests) = tokio::join!(
                biased;
                repository::ensure(&lease, name),
                hold_link(&lease, name, digest),
                lock_blobs(&lease, name, &blobs),
                children(&lease, name, &children_named),
            );
            // In the order in which they ran: after the first that failed, the others fail because of it.
            let ensured = ensured?;
            link?;
            Ok((ensured, blobs?, manifests?))
        };
        let (repository, blobs, manifests) = lease.begin(first).await?;
        let Some(repository) = repository else {
            return Err(StoreError::Internal("repository/ensure returned no row".into()));
        };
        let held = Held { blobs: ids(&blobs)?, manifests: ids(&manifests)? };
        let missing = missing(new, &held);
        if !missing.is_empty() {
            lease.rollback().await?;
            return Ok(Put::Missing(missing));
        }
        let (id, links) = (repository.try_get("id")?, Links::new(&held, &children_named, new));
        lease.commit(put(&lease, id, new, columns, &links)).await?;
        Ok(Put::Done)
    }
}

async fn hold_link(
    connection: &Connection,
    repository: &str,
    digest: &str,
) -> Result<Option<Row>, Error> {
    connection.row(Query::ManifestHoldLink, &[&repository, &digest]).await
}

/// Locks the blobs in the order of `digests`, which must be sorted.
async fn lock_blobs(
    connection: &Connection,
    repository: &str,
    digests: &[&str],
) -> Result<Vec<Row>, Error> {
    connection.rows(Query::ManifestLockBlobs, &[&repository, &digests]).await
}

async fn children(
    connection: &Connection,
    repository: &str,
    digests: &[&str],
) -> Result<Vec<Row>, Error> {
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    connection.rows(Query::ManifestChildren, &[&repository, &digests]).await
}

async fn put(
    connection: &Connection,
    repository: i64,
    new: &NewManifest,
    columns: &Columns<'_>,
    links: &Links<'_>,
) -> Result<u64, Error> {
    connection
        .count(
            Query::ManifestPut,
            &[
                &repository,
                &new.digest.as_str(),
                &new.media_type,
                &columns.artifact_type,
                &new.subject,
                &columns.annotations,
                &columns.data,
                &&*new.raw,
                &links.blobs,
                &links.children,
                &links.child_manifests,
                &links.child_blobs,
                &columns.tags,
            ],
        )
        .await
}

impl<'a> Columns<'a> {
    fn new(new: &'a NewManifest) -> Self {
        let mut tags: Vec<&str> = new.tags.iter().map(Tag::as_str).collect();
        tags.sort_unstable();
        tags.dedup();
        let annotations = new.annotations.as_ref().filter(|annotations| {
            !annotations.iter().any(|(key, value)| key.contains('\0') || value.contains('\0'))
        });
        Self {
            artifact_type: new.artifact_type.as_deref().filter(|text| !text.contains('\0')),
            annotations: annotations.map(Json),
            data: serde_json::from_slice(&new.raw).ok().filter(fits_jsonb),
            tags,
        }
    }
}

impl<'a> Links<'a> {
    fn new(held: &Held, children: &[&'a str], new: &NewManifest) -> Self {
        let mut links = Self::default();
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
}

/// Each digest once, sorted.
fn distinct<'a>(digests: impl Iterator<Item = &'a Digest>) -> Vec<&'a str> {
    let mut distinct: Vec<&str> = digests.map(Digest::as_str).collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

fn ids(rows: &[Row]) -> Result<HashMap<String, i64>, StoreError> {
    rows.iter().map(|row| Ok((parsed(row, "digest")?, row.try_get("id")?))).collect()
}

/// The digests that the repository must hold and does not, each once, in the manifest's order.
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

/// Whether JSONB can hold a value. It holds everything that `serde_json` reads except U+0000 (PostgreSQL manual, 8.14).
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

#[cfg(test)]
mod tests {
    use super::*;

    fn new(raw: &str) -> NewManifest {
        NewManifest {
            repository: "a".parse().unwrap(),
            digest: Digest::from_hash(crate::oci::Algorithm::Sha256, &[0; 32]),
            media_type: String::new(),
            raw: Bytes::copy_from_slice(raw.as_bytes()),
            artifact_type: None,
            subject: None,
            annotations: None,
            blobs: Vec::new(),
            loose_blobs: Vec::new(),
            children: Vec::new(),
            allow_sparse: false,
            tags: Vec::new(),
        }
    }

    #[test]
    fn json_that_jsonb_cannot_hold_becomes_null() {
        assert!(Columns::new(&new(r#"{"x":["a",1,null]}"#)).data.is_some());
        for x in [r#""\u0000""#, r#"{"\u0000":1}"#, r#""\ud800""#, "[1e999]"] {
            assert_eq!(Columns::new(&new(&format!(r#"{{"x":{x}}}"#))).data, None, "{x}");
        }
        for (key, value, fits) in [("a", "b", true), ("a", "\0", false), ("\0", "b", false)] {
            let annotations = Some([(key.to_owned(), value.to_owned())].into());
            let new = NewManifest { annotations, ..new("{}") };
            assert_eq!(Columns::new(&new).annotations.is_some(), fits, "{key:?} {value:?}");
        }
    }
}
