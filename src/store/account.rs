//! Accounts.

use super::{Store, StoreError};

/// An account.
#[derive(Clone)]
pub struct Account {
    /// Whether it is neither disabled nor expired.
    pub usable: bool,
}

impl Store {
    /// The account whose credentials have this state now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_of_revision(&self, _: i64) -> Result<Option<Account>, StoreError> {
        Ok(None)
    }
}
