//! Tags. [`Manifests::put`](super::manifest::Manifests::put) sets them.

use crate::oci::{RepositoryName, Tag};
use crate::rights::{Access, Action};
use crate::store::db::database::Database;
use crate::store::db::retry::Settled;
use crate::store::db::row::cursor;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The tags of all repositories.
#[derive(Clone, Copy, Debug)]
pub struct Tags<'s>(pub(crate) &'s Database);

impl Tags<'_> {
    /// Removes a tag; its manifest stays. Returns whether there was one.
    pub async fn delete(self, repository: &RepositoryName, tag: &Tag) -> Result<bool, StoreError> {
        let (repository, tag) = (repository.as_str(), tag.as_str());
        let deleted = self.0.settling(|| async {
            let lease = self.0.lease().await?;
            lease.run(lease.count(Query::TagDelete, &[&repository, &tag])).await
        });
        let Settled { result, in_doubt } = deleted.await?;
        // A tag that a repetition does not find was removed by the attempt whose answer was lost.
        Ok(result > 0 || in_doubt)
    }

    /// At most `n` tags after `last`, in byte order. `last` need not exist. `None` when there is no such repository.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull from the repository.
    pub async fn page(
        self,
        access: &Access,
        n: u32,
        last: Option<&str>,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let (last, n) = (cursor(last), i64::from(n));
        let rows = self.0.gated_rows(Query::TagPage, access, Action::Pull, [&last, &n]).await?;
        let known = rows.first().map(|row| row.try_get("known")).transpose()?;
        if known != Some(true) {
            return Ok(None);
        }
        let names = rows.iter().filter_map(|row| row.try_get::<_, Option<_>>("name").transpose());
        Ok(Some(names.collect::<Result<_, _>>()?))
    }
}
