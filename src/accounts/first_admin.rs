//! The first administrator, without whom nobody could give anybody a right from outside.

use super::{AccountName, AccountsError, NewPassword, Users, random_password};
use crate::config::Secret;

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

impl Users<'_> {
    /// Adds a user who may do everything, if there is no user yet. An empty `password` stands for a random one. When
    /// several instances start at once, one of them adds the user, and the others get `None`.
    ///
    /// # Errors
    /// [`AccountsError::Name`] and [`AccountsError::Password`] for a name or a password that is not acceptable. Neither
    /// is checked when there is a user already.
    pub async fn add_first_admin(
        self,
        user: &str,
        password: &Secret,
    ) -> Result<Option<FirstAdmin>, AccountsError> {
        // Robots do not count: they cannot let anybody else in.
        if !self.list().await?.is_empty() {
            return Ok(None);
        }
        let name: AccountName = user.parse()?;
        let made_up = if password.is_empty() { Some(random_password()) } else { None };
        let password = made_up.clone().unwrap_or_else(|| password.clone());
        let hash = NewPassword::parse(name.as_user()?, password)?.hash().await?;
        let made = self.store().add_first_admin(name.as_str(), &hash).await?;
        Ok(made.then(|| FirstAdmin { name: name.to_string(), password: made_up }))
    }
}
