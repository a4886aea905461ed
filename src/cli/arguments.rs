//! Arguments that several commands take, and how they become values.

use std::str::FromStr;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::CliError;
use crate::accounts::{AccountName, AccountNameError, Life};

/// Id of the switch that every command has.
pub(super) const JSON: &str = "json";

/// A noun with its verbs.
pub(super) fn noun(
    name: &'static str,
    about: &'static str,
    verbs: impl IntoIterator<Item = Command>,
) -> Command {
    Command::new(name).about(about).subcommand_required(true).subcommands(verbs)
}

/// A verb, which can answer in JSON.
pub(super) fn verb(name: &'static str, about: &'static str) -> Command {
    let json = Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Answer in JSON.");
    Command::new(name).about(about).arg(json)
}

/// A value that must be there.
pub(super) fn required<T>(id: &'static str, name: &'static str, help: &'static str) -> Arg
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    optional::<T>(id, name, help).required(true)
}

/// A value that may be there.
pub(super) fn optional<T>(id: &'static str, name: &'static str, help: &'static str) -> Arg
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    Arg::new(id).value_name(name).help(help).value_parser(|text: &str| text.parse::<T>())
}

/// A user's name.
pub(super) fn user() -> Arg {
    Arg::new("name").value_name("NAME").required(true).help("The user.").value_parser(user_name)
}

/// A robot's name.
pub(super) fn robot() -> Arg {
    let help = "The robot: its namespace, a plus, and its name.";
    Arg::new("name").value_name("NAMESPACE+NAME").required(true).help(help).value_parser(robot_name)
}

/// How long a robot's secret is good for.
pub(super) fn expires() -> Arg {
    Arg::new("expires")
        .long("expires")
        .value_name("TIME")
        .default_value("90d")
        .help("How long the secret is good for: 12h, 90d, or never.")
        .value_parser(|text: &str| text.parse::<Life>())
}

/// The value of an argument that the parser has required.
pub(super) fn value<T: Clone + Send + Sync + 'static>(
    arguments: &ArgMatches,
    id: &str,
) -> Result<T, CliError> {
    given(arguments, id).ok_or_else(|| CliError::unknown("without", id))
}

/// The value of an argument, if it was given.
pub(super) fn given<T: Clone + Send + Sync + 'static>(
    arguments: &ArgMatches,
    id: &str,
) -> Option<T> {
    arguments.get_one::<T>(id).cloned()
}

fn user_name(text: &str) -> Result<AccountName, AccountNameError> {
    let name: AccountName = text.parse()?;
    name.as_user()?;
    Ok(name)
}

fn robot_name(text: &str) -> Result<AccountName, AccountNameError> {
    let name: AccountName = text.parse().map_err(|_| AccountNameError::Robot)?;
    name.as_robot()?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_robots_have_names_of_their_own() {
        assert!(user_name("ann").is_ok() && user_name("acme+ci").is_err());
        assert!(robot_name("acme+ci").is_ok() && robot_name("ann").is_err());
    }
}
