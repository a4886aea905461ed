//! Arguments that several commands share, and their conversion to values.

use std::str::FromStr;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::CliError;
use crate::accounts::{AccountName, AccountNameError, Life};

/// The id of the switch `--json`, which every command has.
pub(super) const JSON: &str = "json";

/// A command such as `user`, with its verbs.
pub(super) fn noun(
    name: &'static str,
    about: &'static str,
    verbs: impl IntoIterator<Item = Command>,
) -> Command {
    Command::new(name).about(about).subcommand_required(true).subcommands(verbs)
}

/// A verb of a command, such as `add`, with the switch `--json`.
pub(super) fn verb(name: &'static str, about: &'static str) -> Command {
    let json =
        Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Print the answer as JSON.");
    Command::new(name).about(about).arg(json)
}

/// An argument that must be given, parsed as `T`.
pub(super) fn required<T>(id: &'static str, name: &'static str, help: &'static str) -> Arg
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    optional::<T>(id, name, help).required(true)
}

/// An argument that may be given, parsed as `T`.
pub(super) fn optional<T>(id: &'static str, name: &'static str, help: &'static str) -> Arg
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    Arg::new(id).value_name(name).help(help).value_parser(|text: &str| text.parse::<T>())
}

/// The argument for the name of a user.
pub(super) fn user() -> Arg {
    Arg::new("name")
        .value_name("NAME")
        .required(true)
        .help("Name of the user.")
        .value_parser(user_name)
}

/// The argument for the name of a robot.
pub(super) fn robot() -> Arg {
    let help = "Name of the robot: its namespace, a plus sign, and its own name.";
    Arg::new("name").value_name("NAMESPACE+NAME").required(true).help(help).value_parser(robot_name)
}

/// The option `--expires` of robots.
pub(super) fn expires() -> Arg {
    Arg::new("expires")
        .long("expires")
        .value_name("TIME")
        .default_value("90d")
        .help("How long the secret is valid: 12h, 90d, or never.")
        .value_parser(|text: &str| text.parse::<Life>())
}

/// The value of an argument that must be given.
pub(super) fn value<T: Clone + Send + Sync + 'static>(
    arguments: &ArgMatches,
    id: &str,
) -> Result<T, CliError> {
    given(arguments, id).ok_or_else(|| CliError::unknown("without", id))
}

/// The value of an argument that may be given.
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
    fn a_user_name_is_no_robot_name() {
        assert!(user_name("ann").is_ok() && user_name("acme+ci").is_err());
        assert!(robot_name("acme+ci").is_ok() && robot_name("ann").is_err());
    }
}
