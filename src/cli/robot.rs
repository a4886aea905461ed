//! `robot`: accounts of one namespace, for programs, with a random secret that ends.

use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::account;
use super::answer::{Answer, time, time_or_dash};
use super::arguments::{Life, expires, noun, robot, value, verb};
use super::error::AdminError;
use crate::accounts::{AccountName, AccountNameError, new_robot_secret, robot_secret_hash};
use crate::config::Secret;
use crate::store::Store;

/// What may be done with robots.
pub(super) enum Order {
    Add { name: AccountName, life: Life },
    List,
    Renew { name: AccountName, life: Life },
    Remove { name: AccountName },
}

/// The noun with its verbs.
pub(super) fn command() -> Command {
    let add = verb("add", "Make a robot, which has no right yet, and show its secret once");
    let renew = verb("renew", "Give a robot a new secret, shown once; the old one ends");
    let verbs = [
        add.arg(robot()).arg(expires()),
        verb("list", "List all robots"),
        renew.arg(robot()).arg(expires()),
        verb("remove", "Remove a robot with all its rights and tokens").arg(robot()),
    ];
    noun("robot", "Manage robots: accounts of one namespace, for programs", verbs)
}

impl Order {
    /// Reads what is asked for.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, AdminError> {
        Ok(match verb {
            "add" => {
                Self::Add { name: value(arguments, "name")?, life: value(arguments, "expires")? }
            }
            "list" => Self::List,
            "renew" => {
                Self::Renew { name: value(arguments, "name")?, life: value(arguments, "expires")? }
            }
            "remove" => Self::Remove { name: value(arguments, "name")? },
            _ => return Err(AdminError::unknown("robot", verb)),
        })
    }

    /// Does it.
    pub(super) async fn obey(self, store: &Store) -> Result<Answer, AdminError> {
        match self {
            Self::Add { name, life } => add(store, name, life).await,
            Self::List => list(store).await,
            Self::Renew { name, life } => renew(store, name, life).await,
            Self::Remove { name } => account::remove(store, name).await,
        }
    }
}

async fn add(store: &Store, name: AccountName, life: Life) -> Result<Answer, AdminError> {
    let Some(namespace) = name.namespace() else { return Err(AccountNameError::Robot.into()) };
    let secret = new_robot_secret();
    let (text, hash) = (name.as_str(), robot_secret_hash(&secret));
    if !store.add_robot(text, namespace.as_str(), &hash, life.0).await? {
        return Err(AdminError::Taken(name));
    }
    reveal(store, &name, &secret).await
}

async fn renew(store: &Store, name: AccountName, life: Life) -> Result<Answer, AdminError> {
    let secret = new_robot_secret();
    if !store.renew_secret(name.as_str(), &robot_secret_hash(&secret), life.0).await? {
        return Err(AdminError::NoAccount(name));
    }
    reveal(store, &name, &secret).await
}

/// The only time that a secret is shown.
async fn reveal(store: &Store, name: &AccountName, secret: &Secret) -> Result<Answer, AdminError> {
    let expires = account::expiry(store, name).await?;
    let until = expires.map_or_else(|| "for ever".to_owned(), |at| format!("until {}", time(at)));
    let secret = secret.expose();
    let text = format!("robot {name} logs in {until} with this secret, shown this once:\n{secret}");
    let json = json!({
        "name": name.as_str(),
        "secret": secret,
        "expires_at": expires.map(time),
    });
    Ok(Answer::new(text, json))
}

async fn list(store: &Store) -> Result<Answer, AdminError> {
    let robots = account::all(store, true).await?;
    let rows = robots.iter().map(|robot| {
        let (state, ends) = (account::state(robot).to_owned(), time_or_dash(robot.expires_at));
        [robot.name.clone(), state, time(robot.created_at), ends]
    });
    let json: Value = robots.iter().map(account::shown).collect();
    Ok(Answer::table(["NAME", "STATE", "CREATED", "EXPIRES"], rows, json))
}
