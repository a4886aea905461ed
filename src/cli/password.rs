//! Reading new passwords from a prompt or from standard input.

use std::io::{self, IsTerminal, Read};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::CliError;
use crate::accounts::NewPassword;
use crate::config::Secret;

/// Adds the switch `--password-stdin` to a command. Also adds hidden arguments in which people may try to pass a
/// password: without them, the parser's own error would print it.
pub(super) fn taking(command: Command) -> Command {
    let stdin = Arg::new("password-stdin").long("password-stdin").action(ArgAction::SetTrue);
    let flag = Arg::new("password").long("password").short('p').num_args(0..=1).hide(true);
    let rest = Arg::new("rest").num_args(0..).hide(true);
    command
        .arg(stdin.help("Read the password from standard input, which must have one line."))
        .arg(flag.default_missing_value(""))
        .arg(rest)
}

/// Reads a new password for `user`. Prompts for it twice if standard input is a terminal, unless the arguments say
/// otherwise.
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
    // The line break that `echo` or an editor adds is not part of the password.
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(Secret::new(line.unwrap_or(&text)))
}

fn from_prompt(user: &str) -> Result<Secret, CliError> {
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Secret::new).map_err(failed);
    let first = ask(format!("New password of {user}: "))?;
    match ask("Repeat the password: ".to_owned())? == first {
        true => Ok(first),
        false => Err(CliError::PasswordsDiffer),
    }
}

fn failed(source: io::Error) -> CliError {
    CliError::Read { what: "the password", source }
}
