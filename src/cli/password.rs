//! Passwords on their way in.

use std::io::{self, IsTerminal, Read};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::error::AdminError;
use crate::accounts::hash_password;
use crate::config::Secret;

/// Fewest characters.
const SHORTEST: usize = 8;

/// Most bytes: no client sends more in a header.
const LONGEST: usize = 512;

/// What registries and their manuals give as a password, in lower case. Whoever tries to get in tries these first.
const KNOWN: [&str; 24] = [
    "00000000",
    "11111111",
    "12345678",
    "123456789",
    "1234567890",
    "abcd1234",
    "admin123",
    "admin1234",
    "adminadmin",
    "administrator",
    "changeit",
    "changeme",
    "harbor12345",
    "iloveyou",
    "letmein1",
    "p@ssw0rd",
    "passw0rd",
    "password",
    "password1",
    "password123",
    "qwerty123",
    "qwertyuiop",
    "registry",
    "testpassword",
];

/// A password that may be given to a user.
pub(super) struct NewPassword(Secret);

impl NewPassword {
    /// Checks it against what is too easy to guess.
    ///
    /// # Errors
    /// [`AdminError::Password`].
    pub(super) fn parse(user: &str, password: Secret) -> Result<Self, AdminError> {
        let text = password.expose();
        let lower = text.to_lowercase();
        let wrong = if text.is_empty() {
            "is empty".to_owned()
        } else if text.chars().any(char::is_control) {
            "holds a line break or another control character".to_owned()
        } else if text.chars().count() < SHORTEST {
            format!("is too short: {SHORTEST} characters at least")
        } else if text.len() > LONGEST {
            format!("is too long: {LONGEST} bytes at most")
        } else if KNOWN.contains(&lower.as_str()) {
            "is one that everybody tries first; choose another".to_owned()
        } else if lower == user {
            "is the user's name; choose another".to_owned()
        } else {
            return Ok(Self(password));
        };
        Err(AdminError::Password(wrong))
    }

    /// What is kept of it.
    ///
    /// # Errors
    /// [`AdminError::Accounts`].
    pub(super) async fn hash(&self) -> Result<String, AdminError> {
        Ok(hash_password(&self.0).await?)
    }
}

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
///
/// # Errors
/// [`AdminError::PasswordArgument`], [`AdminError::Password`], [`AdminError::Read`].
pub(super) fn read(user: &str, arguments: &ArgMatches) -> Result<NewPassword, AdminError> {
    if arguments.contains_id("password") || arguments.contains_id("rest") {
        return Err(AdminError::PasswordArgument);
    }
    let password = if arguments.get_flag("password-stdin") || !io::stdin().is_terminal() {
        from_stdin()
    } else {
        from_prompt(user)
    };
    NewPassword::parse(user, password?)
}

fn from_stdin() -> Result<Secret, AdminError> {
    let mut text = String::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 3;
    let read = io::stdin().lock().take(most).read_to_string(&mut text);
    read.map_err(failed)?;
    // What `echo` and editors end a line with is no part of it.
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(Secret::new(line.unwrap_or(&text)))
}

fn from_prompt(user: &str) -> Result<Secret, AdminError> {
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Secret::new).map_err(failed);
    let first = ask(format!("Password of {user}: "))?;
    match ask("Once more: ".to_owned())? == first {
        true => Ok(first),
        false => Err(AdminError::Password("was not the same both times".to_owned())),
    }
}

fn failed(source: io::Error) -> AdminError {
    AdminError::Read { what: "the password", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(password: &str) -> String {
        NewPassword::parse("annabella", Secret::new(password)).err().unwrap().to_string()
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for known in ["password", "Harbor12345", "PASSWORD", "12345678"] {
            assert!(wrong(known).contains("tries first"), "{known}");
        }
        for short in ["admin", "secret", "äöüßäöü"] {
            assert!(wrong(short).contains("too short"), "{short}");
        }
        assert!(wrong("Annabella").contains("user's name"));
        assert!(wrong("").contains("empty"));
        assert!(wrong("two\nlines here").contains("line break"));
        assert!(wrong(&"x".repeat(513)).contains("too long"));
        for good in ["correct horse", "äöüßäöüß", "a:b:c:d:e"] {
            assert!(NewPassword::parse("annabella", Secret::new(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn no_refusal_shows_the_password() {
        for password in ["hunter2", "password1", "x\ny"] {
            assert!(!wrong(password).contains(password));
        }
    }
}
