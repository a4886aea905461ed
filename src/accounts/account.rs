//! Operations and values that users and robots share.

use serde::Serialize;

use super::{AccountName, AccountsError, Timestamp};
use crate::store::{Account, Store};

/// An account without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct AccountInfo {
    pub name: String,
    /// Namespace of a robot; `None` for a user.
    pub namespace: Option<String>,
    pub state: AccountState,
    pub created_at: Timestamp,
    /// `None` when the account does not expire.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the hour; `None` if it never was.
    pub last_used_at: Option<Timestamp>,
}

/// The state of an account. Only an active one can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the variants are their names")]
pub enum AccountState {
    Active,
    Disabled,
    Expired,
}

impl AccountState {
    /// The word that JSON and tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
        }
    }

    fn of(account: &Account) -> Self {
        match account.usable {
            true => Self::Active,
            false if account.disabled => Self::Disabled,
            false => Self::Expired,
        }
    }
}

impl From<Account> for AccountInfo {
    fn from(account: Account) -> Self {
        Self {
            state: AccountState::of(&account),
            name: account.name,
            namespace: account.namespace,
            created_at: account.created_at.into(),
            expires_at: account.expires_at.map(Timestamp::from),
            last_used_at: account.last_used_at.map(Timestamp::from),
        }
    }
}

/// All robots, or all users, by name.
pub(super) async fn list(store: &Store, robots: bool) -> Result<Vec<AccountInfo>, AccountsError> {
    let accounts = store.accounts().list().await?.into_iter();
    Ok(accounts.filter(|account| account.is_robot() == robots).map(AccountInfo::from).collect())
}

/// Removes an account with its grants and tokens.
pub(super) async fn remove(store: &Store, name: &AccountName) -> Result<(), AccountsError> {
    found(store.accounts().remove(name.as_str()).await?, name)
}

/// Turns the answer "there is no such account" into an error.
pub(super) fn found(found: bool, name: &AccountName) -> Result<(), AccountsError> {
    if found { Ok(()) } else { Err(AccountsError::NoAccount(name.clone())) }
}
