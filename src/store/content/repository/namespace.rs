//! What a namespace holds: the repositories whose names have the same first part.

use super::repositories::Repositories;
use crate::oci::RepositoryName;
use crate::store::db::row::unsigned;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

impl Repositories<'_> {
    /// The number of repositories in `namespace`, counted up to about `most`, or `None` when `repository` is one of them.
    pub async fn count_within(
        self,
        repository: &RepositoryName,
        namespace: &str,
        most: u32,
    ) -> Result<Option<u64>, StoreError> {
        let (repository, most) = (repository.as_str(), i64::from(most));
        let params = [&repository as _, &namespace as _, &most as _];
        let rows = self.0.rows(Query::RepositoryCountWithin, params).await?;
        let Some(row) = rows.first() else { return Ok(Some(0)) };
        let known: bool = row.try_get("known")?;
        Ok(if known { None } else { Some(unsigned(row, "repositories")?) })
    }

    /// The bytes of the blobs in a namespace. A blob counts once in each repository.
    pub async fn measure(self, namespace: &str) -> Result<u64, StoreError> {
        let rows = self.0.rows(Query::RepositoryMeasure, [&namespace]).await?;
        rows.first().map_or(Ok(0), |row| unsigned(row, "bytes"))
    }
}
