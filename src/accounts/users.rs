//! Accounts of people, who log in with a password.

use super::account::{found, list, remove};
use super::grants::Grants;
use super::{AccountInfo, AccountName, AccountsError, NewPassword};
use crate::rights::{Pattern, Role};
use crate::store::Store;

/// Operations on users. They fail with [`AccountsError::Name`] for the name of a robot, and with
/// [`AccountsError::NoAccount`] for a name that no user has.
#[derive(Clone, Copy)]
pub struct Users<'a>(&'a Store);

impl<'a> Users<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self(store)
    }

    pub(super) fn store(self) -> &'a Store {
        self.0
    }

    /// Adds a user. The user has no rights, or may do everything if `admin` is set.
    ///
    /// # Errors
    /// [`AccountsError::Taken`].
    pub async fn add(
        self,
        name: &AccountName,
        password: &NewPassword,
        admin: bool,
    ) -> Result<(), AccountsError> {
        let hash = password.hash().await?;
        if !self.0.accounts().add_user(name.as_user()?, &hash).await? {
            return Err(AccountsError::Taken(name.clone()));
        }
        if admin {
            Grants::new(self.0).add(name, &Pattern::everything(), Role::Admin).await?;
        }
        Ok(())
    }

    /// All users by name.
    pub async fn list(self) -> Result<Vec<AccountInfo>, AccountsError> {
        list(self.0, false).await
    }

    /// Gives a user a new password, which ends all tokens of the user.
    pub async fn set_password(
        self,
        name: &AccountName,
        password: &NewPassword,
    ) -> Result<(), AccountsError> {
        let hash = password.hash().await?;
        found(self.0.accounts().renew_secret(name.as_user()?, &hash, None).await?, name)
    }

    /// Keeps a user from logging in, or lets the user log in again. Both end all tokens of the user.
    pub async fn set_disabled(
        self,
        name: &AccountName,
        disabled: bool,
    ) -> Result<(), AccountsError> {
        found(self.0.accounts().set_disabled(name.as_user()?, disabled).await?, name)
    }

    /// Removes a user with all rights and tokens of the user.
    pub async fn remove(self, name: &AccountName) -> Result<(), AccountsError> {
        name.as_user()?;
        remove(self.0, name).await
    }
}
