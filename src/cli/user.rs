//! `user`: accounts of people, who log in with a password.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::answer::{Answer, or_dash};
use super::arguments::{noun, user, value, verb};
use super::error::CliError;
use super::password;
use crate::accounts::{AccountName, Accounts, NewPassword};

/// An operation on users, with its arguments.
pub(super) enum Operation {
    Add { name: AccountName, password: NewPassword, admin: bool },
    List,
    Password { name: AccountName, password: NewPassword },
    Disable { name: AccountName, disabled: bool },
    Remove { name: AccountName },
}

/// The command `user` with its verbs.
pub(super) fn command() -> Command {
    let admin = Arg::new("admin").long("admin").action(ArgAction::SetTrue);
    let admin = admin.help("Give the user the role admin in every repository.");
    let add = verb("add", "Add a user, who has no rights yet").arg(user()).arg(admin);
    let passwd = verb("passwd", "Give a user a new password, and end all tokens of the user");
    let verbs = [
        password::taking(add),
        verb("list", "List all users, with the hour in which each was used last"),
        password::taking(passwd.arg(user())),
        verb("disable", "Keep a user from logging in, and end all tokens of the user").arg(user()),
        verb("enable", "Let a disabled user log in again").arg(user()),
        verb("remove", "Remove a user with all rights and tokens of the user").arg(user()),
    ];
    noun("user", "Manage users", verbs)
}

impl Operation {
    /// Reads the arguments, and the password if the verb needs one.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
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
            _ => return Err(CliError::unknown("user", verb)),
        })
    }

    pub(super) async fn run(self, accounts: &Accounts) -> Result<Answer, CliError> {
        let users = accounts.users();
        match self {
            Self::Add { name, password, admin } => {
                users.add(&name, &password, admin).await?;
                Ok(Answer::done("added", &name))
            }
            Self::List => {
                let users = users.list().await?;
                let rows = users.iter().map(|user| {
                    let (state, created) = (user.state.as_str(), user.created_at.to_string());
                    [user.name.clone(), state.to_owned(), created, or_dash(user.last_used_at)]
                });
                Answer::table(["NAME", "STATE", "CREATED", "LAST USED"], rows, &users)
            }
            Self::Password { name, password } => {
                users.set_password(&name, &password).await?;
                Ok(Answer::done("changed the password of", &name))
            }
            Self::Disable { name, disabled } => {
                users.set_disabled(&name, disabled).await?;
                Ok(Answer::done(if disabled { "disabled" } else { "enabled" }, &name))
            }
            Self::Remove { name } => {
                users.remove(&name).await?;
                Ok(Answer::done("removed", &name))
            }
        }
    }
}
