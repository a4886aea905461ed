//! `grant`: roles of accounts in repositories.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::answer::Answer;
use super::arguments::{given, noun, optional, required, value, verb};
use super::error::CliError;
use crate::accounts::{AccountName, Accounts};
use crate::rights::{Pattern, Role};

/// An operation on grants, with its arguments.
pub(super) enum Operation {
    Add { account: AccountName, pattern: Pattern, role: Role },
    List { account: Option<AccountName> },
    Remove { account: AccountName, pattern: Pattern, role: Option<Role> },
}

/// The command `grant` with its verbs.
pub(super) fn command() -> Command {
    let account = || required::<AccountName>("account", "ACCOUNT", "Name of the user or robot.");
    let pattern = || {
        let help =
            "Name of a repository, prefix/* for all below a prefix, or '*' for all repositories.";
        required::<Pattern>("pattern", "PATTERN", help)
    };
    let role = "pull, push (includes pull), delete (includes pull), or admin (includes all).";
    let of = "List only the grants of this user or robot.";
    let removed = "The role to remove. Without it, every role on exactly this pattern is removed.";
    let verbs = [
        verb("add", "Give an account a role in repositories")
            .arg(account())
            .arg(pattern())
            .arg(required::<Role>("role", "ROLE", role)),
        verb("list", "List grants").arg(optional::<AccountName>("account", "ACCOUNT", of)),
        verb("remove", "Take a role from an account")
            .arg(account())
            .arg(pattern())
            .arg(optional::<Role>("role", "ROLE", removed)),
    ];
    noun("grant", "Manage the roles of accounts in repositories", verbs)
}

impl Operation {
    /// Reads the arguments.
    pub(super) fn read(verb: &str, arguments: &ArgMatches) -> Result<Self, CliError> {
        if verb == "list" {
            return Ok(Self::List { account: given(arguments, "account") });
        }
        let (account, pattern) = (value(arguments, "account")?, value(arguments, "pattern")?);
        match verb {
            "add" => Ok(Self::Add { account, pattern, role: value(arguments, "role")? }),
            "remove" => Ok(Self::Remove { account, pattern, role: given(arguments, "role") }),
            _ => Err(CliError::unknown("grant", verb)),
        }
    }

    pub(super) async fn run(self, accounts: &Accounts) -> Result<Answer, CliError> {
        let grants = accounts.grants();
        match self {
            Self::Add { account, pattern, role } => {
                let grant = grants.add(&account, &pattern, role).await?;
                let role = role.as_str();
                Answer::new(format!("{account} has the role {role} on {pattern}"), &grant)
            }
            Self::List { account } => {
                let grants = grants.list(account.as_ref()).await?;
                let rows = grants.iter().map(|grant| {
                    let role = grant.role.as_str().to_owned();
                    [grant.account.clone(), grant.pattern.to_string(), role]
                });
                Answer::table(["ACCOUNT", "PATTERN", "ROLE"], rows, &grants)
            }
            Self::Remove { account, pattern, role } => {
                grants.remove(&account, &pattern, role).await?;
                let text = match role.map(Role::as_str) {
                    Some(role) => format!("{account} no longer has the role {role} on {pattern}"),
                    None => format!("{account} no longer has any role on {pattern}"),
                };
                let json = json!({
                    "account": account.as_str(),
                    "pattern": pattern.as_str(),
                    "role": role.map(Role::as_str),
                });
                Answer::new(text, &json)
            }
        }
    }
}
