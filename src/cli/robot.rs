//! `robot`: accounts of one namespace, for programs, with a random secret that may expire.

use clap::{ArgMatches, Command};

use super::answer::{Answer, or_dash};
use super::arguments::{expires, noun, robot, value, verb};
use super::error::CliError;
use crate::accounts::{AccountName, Accounts, Life, RobotSecret};

/// An operation on robots, with its arguments.
pub(super) enum Operation {
    Add { name: AccountName, life: Life },
    List,
    Renew { name: AccountName, life: Life },
    Remove { name: AccountName },
}

/// The command `robot` with its verbs.
pub(super) fn command() -> Command {
    let add = verb("add", "Add a robot, which has no rights yet, and show its secret once");
    let renew =
        verb("renew", "Give a robot a new secret, show it once, and end all tokens of the robot");
    let verbs = [
        add.arg(robot()).arg(expires()),
        verb("list", "List all robots, with the hour in which each was used last"),
        renew.arg(robot()).arg(expires()),
        verb("remove", "Remove a robot with all its rights and tokens").arg(robot()),
    ];
    noun("robot", "Manage robots: accounts for programs, with rights in one namespace", verbs)
}

impl Operation {
    /// Reads the arguments.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        Ok(match verb {
            "add" => {
                Self::Add { name: value(arguments, "name")?, life: value(arguments, "expires")? }
            }
            "list" => Self::List,
            "renew" => {
                Self::Renew { name: value(arguments, "name")?, life: value(arguments, "expires")? }
            }
            "remove" => Self::Remove { name: value(arguments, "name")? },
            _ => return Err(CliError::unknown("robot", verb)),
        })
    }

    pub(super) async fn run(self, accounts: &Accounts) -> Result<Answer, CliError> {
        let robots = accounts.robots();
        match self {
            Self::Add { name, life } => reveal(&robots.add(&name, life).await?),
            Self::List => {
                let robots = robots.list().await?;
                let rows = robots.iter().map(|robot| {
                    let (state, created) = (robot.state.as_str(), robot.created_at.to_string());
                    let (expires, used) = (or_dash(robot.expires_at), or_dash(robot.last_used_at));
                    [robot.name.clone(), state.to_owned(), created, expires, used]
                });
                Answer::table(["NAME", "STATE", "CREATED", "EXPIRES", "LAST USED"], rows, &robots)
            }
            Self::Renew { name, life } => reveal(&robots.renew(&name, life).await?),
            Self::Remove { name } => {
                robots.remove(&name).await?;
                Ok(Answer::done("removed", &name))
            }
        }
    }
}

/// Shows a new secret. It cannot be shown again later.
fn reveal(new: &RobotSecret) -> Result<Answer, CliError> {
    let RobotSecret { name, secret, expires_at } = new;
    let validity =
        expires_at.map_or_else(|| "valid for ever".to_owned(), |at| format!("valid until {at}"));
    let secret = secret.expose();
    let text = format!("secret of the robot {name}, {validity} and not shown again:\n{secret}");
    Answer::new(text, new)
}
