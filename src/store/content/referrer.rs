//! Referrers: manifests that name another manifest as their subject.

use serde_json::Value;
use tokio_postgres::Row;

use crate::oci::Digest;
use crate::rights::{Access, Action};
use crate::store::db::database::Database;
use crate::store::db::row::{cursor, parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// A page ends before the manifests on it exceed this many bytes together: annotations may be as large as their
/// manifest.
const PAGE_BYTES: i64 = 4 << 20;

/// The referrers of all subjects.
#[derive(Clone, Copy, Debug)]
pub struct Referrers<'s>(pub(crate) &'s Database);

/// A manifest that names a subject, with the fields of its descriptor.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct Referrer {
    pub digest: Digest,
    pub media_type: String,
    /// Length in bytes.
    pub size: u64,
    pub artifact_type: Option<String>,
    /// A JSON object of strings.
    pub annotations: Option<Value>,
}

/// Some referrers of one subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReferrerPage {
    /// The referrers in digest order. Empty only when none are left.
    pub entries: Vec<Referrer>,
    /// Whether more follow.
    pub more: bool,
}

impl Referrers<'_> {
    /// The manifests of a repository that name `subject`, in digest order after `after`. When `artifact_types` is not
    /// empty, only manifests of those types. At most `limit`, and fewer when their manifests exceed 4 MiB together.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull from the repository.
    pub async fn page(
        self,
        access: &Access,
        subject: &Digest,
        artifact_types: &[String],
        after: Option<&str>,
        limit: u32,
    ) -> Result<ReferrerPage, StoreError> {
        let (subject, after) = (subject.as_str(), cursor(after));
        let one_more = i64::from(limit) + 1;
        let rows = if artifact_types.is_empty() {
            let params = [&subject as _, &after as _, &one_more as _, &PAGE_BYTES as _];
            self.0.gated_rows(Query::ReferrerPage, access, Action::Pull, params).await?
        } else {
            self.page_of_types(access, subject, artifact_types, after, one_more).await?
        };
        let Some(first) = rows.first() else { return Ok(ReferrerPage::default()) };
        if first.try_get::<_, Option<&str>>("digest")?.is_none() {
            return Ok(ReferrerPage::default());
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let entries: Vec<_> = rows.iter().take(limit).map(referrer).collect::<Result<_, _>>()?;
        let more = unsigned(first, "candidates")? > entries.len() as u64;
        Ok(ReferrerPage { entries, more })
    }

    async fn page_of_types(
        self,
        access: &Access,
        subject: &str,
        artifact_types: &[String],
        after: &str,
        limit: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let types = searchable(artifact_types);
        let params = [&subject as _, &after as _, &limit as _, &PAGE_BYTES as _, &types as _];
        self.0.gated_rows(Query::ReferrerPageOfTypes, access, Action::Pull, params).await
    }
}

/// Each type once, without those that no row can have because they hold a NUL.
fn searchable(artifact_types: &[String]) -> Vec<&str> {
    let mut types: Vec<&str> =
        artifact_types.iter().map(String::as_str).filter(|text| !text.contains('\0')).collect();
    types.sort_unstable();
    types.dedup();
    types
}

fn referrer(row: &Row) -> Result<Referrer, StoreError> {
    Ok(Referrer {
        digest: parsed(row, "digest")?,
        media_type: row.try_get("content_type")?,
        size: unsigned(row, "size")?,
        artifact_type: row.try_get("artifact_type")?,
        annotations: row.try_get("annotations")?,
    })
}
