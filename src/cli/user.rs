//! `user`: people who log in with a password.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::answer::{Answer, time};
use super::arguments::{noun, user, value, verb};
use super::error::AdminError;
use super::password;
use super::password::NewPassword;
use super::{account, grant};
use crate::accounts::AccountName;
use crate::rights::{Pattern, Role};
use crate::store::Store;

/// What may be done with users.
pub(super) enum Order {
    Add { name: AccountName, password: NewPassword, admin: bool },
    List,
    Password { name: AccountName, password: NewPassword },
    Disable { name: AccountName, disabled: bool },
    Remove { name: AccountName },
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let admin = Arg::new("admin").long("admin").action(ArgAction::SetTrue);
    let admin = admin.help("Let the user do everything in every repository.");
    let add = verb("add", "Make a user, who has no right yet").arg(user()).arg(admin);
    let passwd = verb("passwd", "Give a user a new password; all tokens of theirs end");
    let verbs = [
        password::taking(add),
        verb("list", "List all users"),
        password::taking(passwd.arg(user())),
        verb("disable", "Keep a user from logging in; all tokens of theirs end").arg(user()),
        verb("enable", "Let a disabled user log in again").arg(user()),
        verb("remove", "Remove a user with all rights and tokens of theirs").arg(user()),
    ];
    noun("user", "Manage users", verbs)
}

impl Order {
    /// Reads what is asked for, and the password if one is needed.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, AdminError> {
        if verb == "list" {
            return Ok(Self::List);
        }
        let name: AccountName = value(arguments, "name")?;
        Ok(match verb {
            "add" => {
                let password = password::read(name.as_str(), arguments)?;
                Self::Add { name, password, admin: arguments.get_flag("admin") }
            }
            "passwd" => {
                let password = password::read(name.as_str(), arguments)?;
                Self::Password { name, password }
            }
            "disable" => Self::Disable { name, disabled: true },
            "enable" => Self::Disable { name, disabled: false },
            "remove" => Self::Remove { name },
            _ => return Err(AdminError::unknown("user", verb)),
        })
    }

    /// Does it.
    pub(super) async fn obey(self, store: &Store) -> Result<Answer, AdminError> {
        match self {
            Self::Add { name, password, admin } => add(store, name, &password, admin).await,
            Self::List => list(store).await,
            Self::Password { name, password } => {
                match store.renew_secret(name.as_str(), &password.hash().await?, None).await? {
                    true => Ok(account::done(&name, "changed the password of")),
                    false => Err(AdminError::NoAccount(name)),
                }
            }
            Self::Disable { name, disabled } => {
                match store.set_disabled(name.as_str(), disabled).await? {
                    true => Ok(account::done(&name, if disabled { "disabled" } else { "enabled" })),
                    false => Err(AdminError::NoAccount(name)),
                }
            }
            Self::Remove { name } => account::remove(store, name).await,
        }
    }
}

async fn add(
    store: &Store,
    name: AccountName,
    password: &NewPassword,
    admin: bool,
) -> Result<Answer, AdminError> {
    if !store.add_user(name.as_str(), &password.hash().await?).await? {
        return Err(AdminError::Taken(name));
    }
    if admin {
        grant::add(store, &name, &Pattern::everything(), Role::Admin).await?;
    }
    Ok(account::done(&name, "added"))
}

async fn list(store: &Store) -> Result<Answer, AdminError> {
    let users = account::all(store, false).await?;
    let rows = users
        .iter()
        .map(|user| [user.name.clone(), account::state(user).to_owned(), time(user.created_at)]);
    let json: Value = users.iter().map(account::shown).collect();
    Ok(Answer::table(["NAME", "STATE", "CREATED"], rows, json))
}
