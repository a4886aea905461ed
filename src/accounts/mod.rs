//! Accounts and their rights, and every operation on them: users, robots, grants, visibility of repositories.
//!
//! Operations take typed values and return typed values. The returned values serialize to the JSON that users see. This
//! room knows neither the command line nor HTTP, so both can offer the operations. A change takes effect at every
//! running server with its next request, because servers check rights in the database.
//!
//! Every operation may fail with [`AccountsError::Store`]. Its documentation names the other errors.

mod account;
mod error;
mod first_admin;
mod grants;
mod hashers;
mod life;
mod line;
mod name;
mod new_password;
mod password;
mod repositories;
mod robots;
mod secret;
mod timestamp;
mod users;

pub use account::{AccountInfo, AccountState};
pub use error::AccountsError;
pub use first_admin::FirstAdmin;
pub use grants::{GrantInfo, Grants};
pub(crate) use hashers::Hashers;
pub use life::{Life, LifeError};
pub(crate) use line::Place;
pub use name::{AccountName, AccountNameError};
pub use new_password::NewPassword;
pub use password::hash_password;
pub(crate) use password::{Comparer, is_same};
pub use repositories::{Repositories, RepositoryInfo, Visibility};
pub use robots::{RobotSecret, Robots};
pub(crate) use secret::random_password;
pub use secret::{new_robot_secret, robot_secret_hash};
pub use timestamp::Timestamp;
pub use users::Users;

use crate::store::Store;

/// All operations on the accounts of one database. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Store);

impl Accounts {
    /// The accounts in `store`.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Accounts that log in with a password.
    pub fn users(&self) -> Users<'_> {
        Users::new(&self.0)
    }

    /// Accounts of one namespace, with a random secret that may expire.
    pub fn robots(&self) -> Robots<'_> {
        Robots::new(&self.0)
    }

    /// Roles of accounts in repositories.
    pub fn grants(&self) -> Grants<'_> {
        Grants::new(&self.0)
    }

    /// Repositories, and who may see them.
    pub fn repositories(&self) -> Repositories<'_> {
        Repositories::new(&self.0)
    }

    /// Ends all tokens and refresh tokens of a user or robot, whose password or secret stays valid. Returns the number
    /// of refresh tokens.
    ///
    /// # Errors
    /// [`AccountsError::NoAccount`].
    pub async fn revoke_tokens(&self, name: &AccountName) -> Result<u64, AccountsError> {
        // The new revision alone ends them all. The refresh tokens are also marked, so that the rows say it.
        if !self.0.accounts().renew_revision(name.as_str()).await? {
            return Err(AccountsError::NoAccount(name.clone()));
        }
        Ok(self.0.refresh_tokens().revoke(name.as_str()).await?)
    }
}
