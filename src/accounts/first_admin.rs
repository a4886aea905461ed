//! The first administrator, who is added at the first start with a login, so that a new registry can be used at once.

use super::{AccountName, AccountsError, NewPassword, Users, random_password};
use crate::config::Secret;

/// An administrator who has just been added.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the other field is its name")]
pub struct FirstAdmin {
    pub name: String,
    /// The password, if it was generated. It may be shown once, and only to the operator.
    pub password: Option<Secret>,
}

impl FirstAdmin {
    /// A line that shows the operator a generated password. It must not go to the log, which is kept and sent on.
    /// `None` when the operator chose the password.
    pub fn notice(&self) -> Option<String> {
        let password = self.password.as_ref()?.expose();
        Some(format!(
            "af-registry: added the first administrator: user {}, password {password} (it is not shown again; \
             `af-registry user passwd {}` changes it)",
            self.name, self.name
        ))
    }
}

impl Users<'_> {
    /// Adds a user who may do everything, if there is no user yet. If `password` is empty, a random one is generated.
    /// When several instances start at once, one of them adds the user, and the others get `None`.
    ///
    /// # Errors
    /// [`AccountsError::Name`] and [`AccountsError::Password`] if there is no user yet, and the name or the password is
    /// not acceptable.
    pub async fn add_first_admin(
        self,
        user: &str,
        password: &Secret,
    ) -> Result<Option<FirstAdmin>, AccountsError> {
        // Robots do not count, because they have no rights beyond their namespace.
        if !self.list().await?.is_empty() {
            return Ok(None);
        }
        let name: AccountName = user.parse()?;
        let made_up = if password.is_empty() { Some(random_password()) } else { None };
        let password = made_up.clone().unwrap_or_else(|| password.clone());
        let hash = NewPassword::parse(name.as_user()?, password)?.hash().await?;
        let made = self.store().accounts().add_first_admin(name.as_str(), &hash).await?;
        Ok(made.then(|| FirstAdmin { name: name.to_string(), password: made_up }))
    }
}
