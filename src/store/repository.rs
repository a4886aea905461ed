//! Repositories. One begins to be with the first upload or mount into it.

use super::retry::bounded;
use super::statements::Query;
use super::tag::cursor;
use super::{Grantee, Store, StoreError};

impl Store {
    /// At most `n` repositories that `grantee` may pull after `last`, which need not exist, in byte order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalog(
        &self,
        grantee: Grantee,
        n: u32,
        last: Option<&str>,
    ) -> Result<Vec<String>, StoreError> {
        let (last, n, revision) = (cursor(last), i64::from(n), grantee.revision());
        let rows = bounded(self.pool().rows(Query::RepositoryPage, [&last, &n, &revision])).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
