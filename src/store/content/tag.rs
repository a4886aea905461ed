//! Tags. They are set with their manifest, by [`Store::put_manifest`].

use crate::oci::{RepositoryName, Tag};
use crate::rights::{Access, Action};
use crate::store::accounts::access::{Asking, admitted, asking};
use crate::store::db::connection::Param;
use crate::store::db::retry::bounded;
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

impl Store {
    /// Removes a tag; its manifest stays. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<bool, StoreError> {
        let (repository, tag) = (repository.as_str(), tag.as_str());
        Ok(bounded(self.pool().count(Query::TagDelete, [&repository, &tag])).await? > 0)
    }

    /// At most `n` tags after `last`, which need not exist, in byte order. `None` when there is no such repository.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Denied`] to whoever may not pull from there.
    pub async fn tags(
        &self,
        access: &Access,
        n: u32,
        last: Option<&str>,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let Asking { repository, revision, patterns, roles } = asking(access, Action::Pull);
        let (last, n) = (cursor(last), i64::from(n));
        let params: [Param<'_>; 6] = [&repository, &last, &n, &revision, &patterns, &roles];
        let rows = bounded(self.pool().rows(Query::TagPage, params)).await?;
        if !admitted(rows.first())?.try_get::<_, bool>("known")? {
            return Ok(None);
        }
        let names = rows.iter().filter_map(|row| row.try_get::<_, Option<_>>("name").transpose());
        Ok(Some(names.collect::<Result<_, _>>()?))
    }
}

/// What a client gave as the end of its last page, as PostgreSQL can take it. No name holds a NUL, so those after
/// `a\0b` are those after `a`.
pub(crate) fn cursor(last: Option<&str>) -> &str {
    last.and_then(|last| last.split('\0').next()).unwrap_or_default()
}
