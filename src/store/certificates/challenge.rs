//! Challenges: the digests that prove to an ACME directory that a host name is ours. Any instance can be asked.

use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The challenges of all host names.
#[derive(Clone, Copy, Debug)]
pub struct Challenges<'s>(pub(crate) &'s Database);

impl Challenges<'_> {
    /// The digest that proves `name`, if a validation is under way.
    pub async fn get(self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.0.read(Query::ChallengeGet, [&name]).await?;
        Ok(row.map(|row| row.try_get("digest")).transpose()?)
    }

    /// Lets every instance prove `name` by `digest` for an hour.
    pub async fn put(self, name: &str, digest: &[u8]) -> Result<(), StoreError> {
        self.0.count(Query::ChallengePut, [&name, &digest]).await.map(drop)
    }

    /// Removes challenges that have expired. Returns their number.
    pub async fn forget(self) -> Result<u64, StoreError> {
        self.0.count(Query::ChallengeForget, []).await
    }

    /// Removes the challenges of these names, and all that have expired.
    pub async fn remove(self, names: &[String]) -> Result<(), StoreError> {
        self.0.count(Query::ChallengeRemove, [&names]).await.map(drop)
    }
}
