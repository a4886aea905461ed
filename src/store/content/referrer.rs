//! Manifests that name another as their subject.

use serde_json::Value;
use tokio_postgres::Row;

use crate::oci::Digest;
use crate::rights::{Access, Action};
use crate::store::accounts::access::{Asking, admitted, asking};
use crate::store::content::tag::cursor;
use crate::store::db::connection::Param;
use crate::store::db::retry::bounded;
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// A page ends before its manifests pass this many bytes in sum: annotations may be as large as their manifest.
const PAGE_BYTES: i64 = 4 << 20;

/// A manifest that names a subject, as a descriptor tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Its annotations, a JSON object.
    pub annotations: Option<Value>,
}

/// Some referrers of a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Referrers {
    /// In digest order. Empty only when there are none left.
    pub page: Vec<Referrer>,
    /// Whether there are more after them.
    pub more: bool,
}

impl Store {
    /// The manifests of a repository that name `subject`, in digest order after `after`, of any of `artifact_types`
    /// (none: all). At most `limit`, and fewer when their manifests pass 4 MiB together.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Denied`] to whoever may not pull from there.
    pub async fn referrers(
        &self,
        access: &Access,
        subject: &Digest,
        artifact_types: &[String],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Referrers, StoreError> {
        let Asking { repository, revision, patterns, roles } = asking(access, Action::Pull);
        let subject = subject.as_str();
        let (after, one_more) = (cursor(after), i64::from(limit) + 1);
        let rows = if artifact_types.is_empty() {
            let params: [Param<'_>; 8] = [
                &repository,
                &subject,
                &after,
                &one_more,
                &PAGE_BYTES,
                &revision,
                &patterns,
                &roles,
            ];
            bounded(self.pool().rows(Query::ReferrerPage, params)).await?
        } else {
            let types = wanted(artifact_types);
            let params: [Param<'_>; 9] = [
                &repository,
                &subject,
                &after,
                &one_more,
                &PAGE_BYTES,
                &types,
                &revision,
                &patterns,
                &roles,
            ];
            bounded(self.pool().rows(Query::ReferrerPageOfTypes, params)).await?
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if admitted(rows.first())?.try_get::<_, Option<&str>>("digest")?.is_none() {
            return Ok(Referrers { page: Vec::new(), more: false });
        }
        let page: Vec<_> = rows.iter().take(limit).map(referrer).collect::<Result<_, _>>()?;
        let candidates = rows.first().map_or(Ok(0), |row| unsigned(row, "candidates"))?;
        Ok(Referrers { more: candidates > page.len() as u64, page })
    }
}

/// Each type once, and none that no row can have.
fn wanted(artifact_types: &[String]) -> Vec<&str> {
    let mut wanted: Vec<&str> =
        artifact_types.iter().map(String::as_str).filter(|text| !text.contains('\0')).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
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
