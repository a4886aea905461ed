//! The first administrator, without whom nobody could give anybody a right from outside.

use crate::accounts::{AccountName, AccountNameError, new_password};
use crate::config::Secret;
use crate::store::Store;

use super::error::AdminError;
use super::password::NewPassword;

/// An administrator who was made just now.
#[derive(Clone, Debug)]
pub struct FirstAdmin {
    /// Their name.
    pub name: String,
    /// Their password if it was made up here: to be shown once, and to nobody but the operator.
    pub password: Option<Secret>,
}

impl FirstAdmin {
    /// What the operator has to be told, once and not in the log: it holds the password in the clear. `None` when they
    /// chose it themselves.
    pub fn notice(&self) -> Option<String> {
        let password = self.password.as_ref()?.expose();
        Some(format!(
            "af-registry: made the first administrator: user {}, password {password} (shown this once; \
             `af-registry user passwd {}` changes it)",
            self.name, self.name
        ))
    }
}

/// Makes a user who may do everything, if there is no user yet, with a random password if `password` is empty. Of several
/// instances that start at once one does it, and the others get `None` as if it had been long ago.
///
/// # Errors
/// [`AdminError::Name`] and [`AdminError::Password`] for a name or a password that is not taken, each only when there is
/// no user yet; [`AdminError::Store`].
pub async fn bootstrap(
    store: &Store,
    user: &str,
    password: &Secret,
) -> Result<Option<FirstAdmin>, AdminError> {
    // Robots alone let nobody in.
    if store.accounts().await?.iter().any(|account| !account.is_robot()) {
        return Ok(None);
    }
    let name: AccountName = user.parse()?;
    if name.is_robot() {
        return Err(AccountNameError::User.into());
    }
    let made_up = if password.is_empty() { Some(new_password()) } else { None };
    let password = made_up.clone().unwrap_or_else(|| password.clone());
    let hash = NewPassword::parse(name.as_str(), password)?.hash().await?;
    let made = store.add_first_admin(name.as_str(), &hash).await?;
    Ok(made.then(|| FirstAdmin { name: name.to_string(), password: made_up }))
}
