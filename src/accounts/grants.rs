//! Roles of accounts in repositories.

use serde::Serialize;

use super::{AccountName, AccountsError};
use crate::rights::{Pattern, Role};
use crate::store::{Grant, Granted, Store};

/// A role that an account holds in all repositories that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct GrantInfo {
    pub account: String,
    pub pattern: Pattern,
    pub role: Role,
}

impl From<Grant> for GrantInfo {
    fn from(Grant { account, pattern, role }: Grant) -> Self {
        Self { account, pattern, role }
    }
}

/// Operations on grants. They fail with [`AccountsError::NoAccount`] for a name that no account has.
#[derive(Clone, Copy)]
pub struct Grants<'a>(&'a Store);

impl<'a> Grants<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self(store)
    }

    /// Gives an account a role. It is not an error if the account holds the role already.
    ///
    /// # Errors
    /// [`AccountsError::OutsideNamespace`] when the account is a robot and the pattern covers more than its namespace.
    pub async fn add(
        self,
        account: &AccountName,
        pattern: &Pattern,
        role: Role,
    ) -> Result<GrantInfo, AccountsError> {
        let granted = self.0.grants().add(account.as_str(), pattern, role).await?;
        match (granted, account.namespace()) {
            (Granted::Done, _) => {
                Ok(GrantInfo { account: account.to_string(), pattern: pattern.clone(), role })
            }
            (Granted::OutsideNamespace, Some(namespace)) => Err(AccountsError::OutsideNamespace {
                account: account.clone(),
                namespace: namespace.clone(),
                pattern: pattern.clone(),
            }),
            (Granted::NoAccount | Granted::OutsideNamespace, _) => {
                Err(AccountsError::NoAccount(account.clone()))
            }
        }
    }

    /// The grants of one account, or of all, by account, pattern and role.
    pub async fn list(
        self,
        account: Option<&AccountName>,
    ) -> Result<Vec<GrantInfo>, AccountsError> {
        if let Some(name) = account
            && self.0.accounts().get(name.as_str()).await?.is_none()
        {
            return Err(AccountsError::NoAccount(name.clone()));
        }
        let grants = self.0.grants().list(account.map(AccountName::as_str)).await?;
        Ok(grants.into_iter().map(GrantInfo::from).collect())
    }

    /// Takes a role, or every role, on exactly this pattern from an account.
    ///
    /// # Errors
    /// [`AccountsError::NoGrant`] when the account holds none, or does not exist.
    pub async fn remove(
        self,
        account: &AccountName,
        pattern: &Pattern,
        role: Option<Role>,
    ) -> Result<(), AccountsError> {
        match self.0.grants().remove(account.as_str(), pattern, role).await? {
            true => Ok(()),
            false => {
                let (account, pattern) = (account.clone(), pattern.clone());
                Err(AccountsError::NoGrant { account, pattern })
            }
        }
    }
}
