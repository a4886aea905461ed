//! The accounts of this registry at ACME directories.

use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The accounts at all directories.
#[derive(Clone, Copy, Debug)]
pub struct AcmeAccounts<'s>(pub(crate) &'s Database);

impl AcmeAccounts<'_> {
    /// The sealed credentials of the account at a directory.
    pub async fn get(self, directory: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.0.read(Query::AcmeAccountGet, [&directory]).await?;
        Ok(row.map(|row| row.try_get("sealed")).transpose()?)
    }

    /// Stores or replaces the sealed credentials of the account at a directory.
    pub async fn put(self, directory: &str, sealed: &[u8]) -> Result<(), StoreError> {
        self.0.count(Query::AcmeAccountPut, [&directory, &sealed]).await.map(drop)
    }
}
