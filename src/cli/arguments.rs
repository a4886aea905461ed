//! Arguments that several commands take, and how they become values.

use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::AdminError;
use crate::accounts::{AccountName, AccountNameError};

/// Id of the switch that every command has.
pub(super) const JSON: &str = "json";

/// Longest life of a robot that has an end.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// How long a robot's secret is good for; `None` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life(pub(super) Option<Duration>);

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
        .value_parser(life)
}

/// The value of an argument that the parser has required.
pub(super) fn value<T: Clone + Send + Sync + 'static>(
    arguments: &ArgMatches,
    id: &str,
) -> Result<T, AdminError> {
    given(arguments, id).ok_or_else(|| AdminError::unknown("without", id))
}

/// The value of an argument, if it was given.
pub(super) fn given<T: Clone + Send + Sync + 'static>(
    arguments: &ArgMatches,
    id: &str,
) -> Option<T> {
    arguments.get_one::<T>(id).cloned()
}

fn user_name(text: &str) -> Result<AccountName, AccountNameError> {
    text.parse().and_then(|name: AccountName| match name.is_robot() {
        false => Ok(name),
        true => Err(AccountNameError::User),
    })
}

fn robot_name(text: &str) -> Result<AccountName, AccountNameError> {
    text.parse().map_err(|_| AccountNameError::Robot).and_then(|name: AccountName| {
        match name.is_robot() {
            true => Ok(name),
            false => Err(AccountNameError::Robot),
        }
    })
}

fn life(text: &str) -> Result<Life, String> {
    if text == "never" {
        return Ok(Life(None));
    }
    let life = humantime::parse_duration(text).ok().filter(|life| !life.is_zero());
    let life = life.ok_or("not a time; write 12h, 90d, or never")?;
    if life > LONGEST {
        return Err("over ten years; write never if that is meant".to_owned());
    }
    Ok(Life(Some(life)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_a_unit_or_no_end() {
        assert_eq!(life("90d"), Ok(Life(Some(Duration::from_secs(90 * 86_400)))));
        assert_eq!(life("never"), Ok(Life(None)));
        for bad in ["", "90", "0s", "-1d", "11y", "forever"] {
            assert!(life(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn users_and_robots_have_names_of_their_own() {
        assert!(user_name("ann").is_ok() && user_name("acme+ci").is_err());
        assert!(robot_name("acme+ci").is_ok() && robot_name("ann").is_err());
    }
}
