//! Notes of who has pushed where, by which a token that expires during a push may still end it.

use std::time::Duration;

use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// Most notes that one call removes.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// The notes of pushes to all repositories.
#[derive(Clone, Copy, Debug)]
pub struct RecentPushes<'s>(pub(crate) &'s Database);

impl RecentPushes<'_> {
    /// Removes notes that are older than `age`, at most a thousand in one call. Returns their number.
    pub async fn forget(self, age: Duration) -> Result<u64, StoreError> {
        let params = [&age.as_secs_f64() as _, &FORGOTTEN_AT_ONCE as _];
        self.0.count(Query::RecentPushForget, params).await
    }
}
