//! Passwords on their way in.

use std::io::{self, IsTerminal, Read};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::CliError;
use crate::accounts::NewPassword;
use crate::config::Secret;

/// A command that takes a password: with a switch to read it from standard input, and with the arguments by which people
/// try to give one, so that they can be told better without a word of it in the error.
pub(super) fn taking(command: Command) -> Command {
    let stdin = Arg::new("password-stdin").long("password-stdin").action(ArgAction::SetTrue);
    let flag = Arg::new("password").long("password").short('p').num_args(0..=1).hide(true);
    let rest = Arg::new("rest").num_args(0..).hide(true);
    command
        .arg(stdin.help("Read the password from standard input, its only line."))
        .arg(flag.default_missing_value(""))
        .arg(rest)
}

/// Reads a new password for `user`: from standard input when that is no terminal or the arguments say so, else from a
/// prompt, twice.
pub(super) fn read(user: &str, arguments: &ArgMatches) -> Result<NewPassword, CliError> {
    if arguments.contains_id("password") || arguments.contains_id("rest") {
        return Err(CliError::PasswordArgument);
    }
    let password = if arguments.get_flag("password-stdin") || !io::stdin().is_terminal() {
        from_stdin()
    } else {
        from_prompt(user)
    };
    Ok(NewPassword::parse(user, password?)?)
}

fn from_stdin() -> Result<Secret, CliError> {
    let mut text = String::new();
    let most = u64::try_from(NewPassword::MAX_BYTES).unwrap_or(u64::MAX) + 3;
    let read = io::stdin().lock().take(most).read_to_string(&mut text);
    read.map_err(failed)?;
    // What `echo` and editors end a line with is no part of it.
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(Secret::new(line.unwrap_or(&text)))
}

fn from_prompt(user: &str) -> Result<Secret, CliError> {
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Secret::new).map_err(failed);
    let first = ask(format!("Password of {user}: "))?;
    match ask("Once more: ".to_owned())? == first {
        true => Ok(first),
        false => Err(CliError::PasswordsDiffer),
    }
}

fn failed(source: io::Error) -> CliError {
    CliError::Read { what: "the password", source }
}
