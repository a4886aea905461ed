//! Accounts of one namespace, for programs, with a random secret that may expire.

use serde::{Serialize, Serializer};

use super::account::{found, list, remove};
use super::{AccountInfo, AccountName, AccountsError, Life, Timestamp};
use super::{new_robot_secret, robot_secret_hash};
use crate::config::Secret;
use crate::store::Store;

/// A robot's new secret. The database keeps only its hash, so this value is the only chance to show it: serializing it
/// reveals the secret.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct RobotSecret {
    pub name: String,
    #[serde(serialize_with = "reveal")]
    pub secret: Secret,
    pub expires_at: Option<Timestamp>,
}

/// Operations on robots. They fail with [`AccountsError::Name`] for the name of a user, and with
/// [`AccountsError::NoAccount`] for a name that no robot has.
#[derive(Clone, Copy)]
pub struct Robots<'a>(&'a Store);

impl<'a> Robots<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self(store)
    }

    /// Adds a robot. It has no rights yet.
    ///
    /// # Errors
    /// [`AccountsError::Taken`].
    pub async fn add(self, name: &AccountName, life: Life) -> Result<RobotSecret, AccountsError> {
        let namespace = name.as_robot()?.as_str();
        let secret = new_robot_secret();
        let hash = robot_secret_hash(&secret);
        if !self.0.accounts().add_robot(name.as_str(), namespace, &hash, life.time()).await? {
            return Err(AccountsError::Taken(name.clone()));
        }
        self.secret(name, secret).await
    }

    /// All robots by name.
    pub async fn list(self) -> Result<Vec<AccountInfo>, AccountsError> {
        list(self.0, true).await
    }

    /// Gives a robot a new secret, which ends the old one and all tokens of the robot.
    pub async fn renew(self, name: &AccountName, life: Life) -> Result<RobotSecret, AccountsError> {
        name.as_robot()?;
        let secret = new_robot_secret();
        let hash = robot_secret_hash(&secret);
        found(self.0.accounts().renew_secret(name.as_str(), &hash, life.time()).await?, name)?;
        self.secret(name, secret).await
    }

    /// Removes a robot with all its rights and tokens.
    pub async fn remove(self, name: &AccountName) -> Result<(), AccountsError> {
        name.as_robot()?;
        remove(self.0, name).await
    }

    /// Reads the expiry back from the database, whose clock has set it.
    async fn secret(
        self,
        name: &AccountName,
        secret: Secret,
    ) -> Result<RobotSecret, AccountsError> {
        let robot = self.0.accounts().get(name.as_str()).await?;
        let expires_at = robot.and_then(|robot| robot.expires_at).map(Timestamp::from);
        Ok(RobotSecret { name: name.to_string(), secret, expires_at })
    }
}

fn reveal<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}
