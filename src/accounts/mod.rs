//! Accounts: their names and their secrets.

mod name;
mod secret;

pub use name::{AccountName, AccountNameError};
pub use secret::{new_password, new_robot_secret, robot_secret_hash};
