//! Removing repositories that hold nothing and that nobody uses.

use std::time::Duration;

use tokio_postgres::{Error, Row};

use super::repositories::Repositories;
use crate::store::db::connection::Connection;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// Most repositories that one call looks at.
const AT_ONCE: i64 = 1000;

/// What one step of a walk through all repositories did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Where the next step goes on.
    pub last: i64,
    /// Number of repositories that are gone.
    pub removed: u64,
    /// Number of repositories that could not be removed.
    pub failed: u64,
    /// Why that was so for the last of them.
    pub reason: String,
}

impl Repositories<'_> {
    /// Looks at some repositories after `after`, 0 for the first ones, and removes those that hold nothing and that nobody
    /// has used for `age`. `None` at the end. A repository that somebody begins to use meanwhile stays.
    pub async fn sweep(self, after: i64, age: Duration) -> Result<Option<Swept>, StoreError> {
        let Some((last, empty)) = self.find_empty(after, age).await? else { return Ok(None) };
        let mut swept = Swept { last, ..Swept::default() };
        match self.remove_unused(&empty).await {
            Ok(removed) => swept.removed = removed,
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            // One of them is in the way of the others.
            Err(_) => self.remove_one_by_one(&empty, &mut swept).await?,
        }
        Ok(Some(swept))
    }

    async fn remove_one_by_one(self, empty: &[i64], swept: &mut Swept) -> Result<(), StoreError> {
        for id in empty {
            match self.remove_unused(&[*id]).await {
                Ok(removed) => swept.removed += removed,
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(error) => {
                    swept.failed += 1;
                    swept.reason = error.to_string();
                }
            }
        }
        Ok(())
    }

    async fn remove_unused(self, empty: &[i64]) -> Result<u64, StoreError> {
        if empty.is_empty() {
            return Ok(0);
        }
        let removed = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            let locked = lease.begin(lock_empty(&lease, empty)).await?;
            let ids = locked.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
            lease.commit(remove_empty(&lease, &ids)).await
        });
        removed.await
    }

    async fn find_empty(
        self,
        after: i64,
        age: Duration,
    ) -> Result<Option<(i64, Vec<i64>)>, StoreError> {
        let params = [&after as _, &AT_ONCE as _, &age.as_secs_f64() as _];
        let rows = self.0.rows(Query::RepositoryFindEmpty, params).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let last: Option<i64> = row.try_get("last")?;
        let empty: Option<Vec<i64>> = row.try_get("empty")?;
        Ok(last.map(|last| (last, empty.unwrap_or_default())))
    }
}

async fn lock_empty(connection: &Connection, ids: &[i64]) -> Result<Vec<Row>, Error> {
    connection.rows(Query::RepositoryLockEmpty, &[&ids]).await
}

async fn remove_empty(connection: &Connection, ids: &[i64]) -> Result<u64, Error> {
    connection.count(Query::RepositoryRemoveEmpty, &[&ids]).await
}
