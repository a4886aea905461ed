//! Accounts: their names, passwords and secrets.

mod error;
mod name;
mod password;
mod secret;

pub use error::AccountsError;
pub use name::{AccountName, AccountNameError};
pub use password::hash_password;
pub(crate) use password::{Passwords, is_same};
pub use secret::{new_password, new_robot_secret, robot_secret_hash};
