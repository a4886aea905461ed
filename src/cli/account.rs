//! What is the same for users and robots.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::answer::{Answer, time};
use super::error::AdminError;
use crate::accounts::AccountName;
use crate::store::{Account, Store};

/// An account as JSON, without anything of its secret.
pub(super) fn shown(account: &Account) -> Value {
    json!({
        "name": account.name,
        "namespace": account.namespace,
        "state": state(account),
        "created_at": time(account.created_at),
        "expires_at": account.expires_at.map(time),
    })
}

/// Whether it can log in, and if not why, in a word.
pub(super) fn state(account: &Account) -> &'static str {
    match account.usable {
        true => "active",
        false if account.disabled => "disabled",
        false => "expired",
    }
}

/// All users, or all robots.
pub(super) async fn all(store: &Store, robots: bool) -> Result<Vec<Account>, AdminError> {
    let mut accounts = store.accounts().await?;
    accounts.retain(|account| account.is_robot() == robots);
    Ok(accounts)
}

/// Removes an account with all that hangs on it.
pub(super) async fn remove(store: &Store, name: AccountName) -> Result<Answer, AdminError> {
    match store.remove_account(name.as_str()).await? {
        true => Ok(done(&name, "removed")),
        false => Err(AdminError::NoAccount(name)),
    }
}

/// Says what was done to an account.
pub(super) fn done(name: &AccountName, what: &str) -> Answer {
    Answer::new(format!("{what} {name}"), json!({ "name": name.as_str(), "done": what }))
}

/// When an account that was read just now ends.
pub(super) async fn expiry(
    store: &Store,
    name: &AccountName,
) -> Result<Option<SystemTime>, AdminError> {
    Ok(store.account(name.as_str()).await?.and_then(|account| account.expires_at))
}
