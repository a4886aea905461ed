//! The list of manifests that name another one as their subject.

use serde::Serialize;
use serde_json::Value;

use super::page::Page;
use crate::oci::{Digest, media_type};
use crate::registry::{Lists, RegistryError};
use crate::rights::Access;
use crate::store::Referrer;

/// Largest size of a page in bytes. It is large, since most clients never ask for a second page. It is no larger, since
/// no client reads an index over 4 MiB.
const PAGE_BYTES: usize = 4 << 20;

/// Rows of one query.
const BATCH: u32 = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
}

impl From<Referrer> for Entry {
    fn from(row: Referrer) -> Self {
        Self {
            media_type: row.media_type,
            digest: row.digest.to_string(),
            size: row.size,
            artifact_type: row.artifact_type,
            annotations: row.annotations,
        }
    }
}

impl Lists<'_> {
    /// The referrers of `subject` in digest order, after the digest `last`. They have one of `artifact_types`, or any
    /// type if none is given. The subject need not exist (distribution specification, "Listing Referrers").
    pub async fn referrers(
        self,
        access: &Access,
        subject: &Digest,
        artifact_types: &[String],
        n: Option<u32>,
        last: Option<&str>,
    ) -> Result<Page<ImageIndex>, RegistryError> {
        let most = n.filter(|n| *n > 0).unwrap_or(u32::MAX);
        let mut index = ImageIndex::new();
        let mut after = last.map(str::to_owned);
        loop {
            let wanted = (most - index.entries).min(BATCH);
            let found = self
                .0
                .store()
                .referrers()
                .page(access, subject, artifact_types, after.as_deref(), wanted)
                .await?;
            for row in found.entries {
                let digest = row.digest.to_string();
                if !index.push(row.into()) {
                    return Ok(Page { entries: index, next: after });
                }
                after = Some(digest);
            }
            if !found.more {
                return Ok(Page { entries: index, next: None });
            }
            if index.entries >= most {
                return Ok(Page { entries: index, next: after });
            }
        }
    }
}

/// An image index that lists referrers (image specification, image-index.md), at most `PAGE_BYTES` long.
#[derive(Debug)]
pub struct ImageIndex {
    json: Vec<u8>,
    entries: u32,
}

impl ImageIndex {
    fn new() -> Self {
        let head =
            format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":["#, media_type::OCI_INDEX);
        Self { json: head.into_bytes(), entries: 0 }
    }

    /// Adds an entry and returns whether it fitted. The first entry always fits: a client would never reach the end of
    /// a list with an empty page.
    fn push(&mut self, entry: Entry) -> bool {
        let Ok(entry) = serde_json::to_vec(&entry) else { return true };
        let full = self.json.len() + entry.len() + 3 > PAGE_BYTES;
        if self.entries > 0 && full {
            return false;
        }
        if self.entries > 0 {
            self.json.push(b',');
        }
        self.json.extend_from_slice(&entry);
        self.entries += 1;
        true
    }

    /// The complete JSON document.
    pub fn into_json(mut self) -> Vec<u8> {
        self.json.extend_from_slice(b"]}");
        self.json
    }
}
