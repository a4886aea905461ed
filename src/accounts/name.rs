//! Names of users and robots.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::oci::RepositoryName;

/// Separates the namespace from the rest of a robot's name. A user's name never contains it.
const SEPARATOR: char = '+';

/// The string is not the name of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AccountNameError {
    /// It is not a user's name, and does not look like a robot's.
    #[error(
        "a user name has only lower-case letters, digits and . _ @ -, begins with a letter or digit, and has at most {max} characters",
        max = AccountName::MAX_LEN
    )]
    User,
    /// It is not a robot's name. For a string that contains a plus, or where a robot is expected.
    #[error(
        "a robot is called namespace+name: the namespace is written like the name of a repository, and the name has only lower-case letters, digits and . _ -"
    )]
    Robot,
}

/// The name of an account: `[a-z0-9][a-z0-9._@-]{0,127}` for a user, `<namespace>+[a-z0-9][a-z0-9._-]{0,127}` for a
/// robot, where the namespace is written like a repository's name. It never contains a colon, because a colon ends the
/// name in Basic credentials.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName {
    text: String,
    namespace: Option<RepositoryName>,
}

impl AccountName {
    /// Most characters of a user's name, and of a robot's name without the namespace.
    pub const MAX_LEN: usize = 128;

    /// The whole name, with the namespace of a robot.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The namespace of a robot; `None` for a user.
    pub fn namespace(&self) -> Option<&RepositoryName> {
        self.namespace.as_ref()
    }

    /// The name of a user.
    ///
    /// # Errors
    /// [`AccountNameError::User`] for a robot's name.
    pub fn as_user(&self) -> Result<&str, AccountNameError> {
        match self.namespace {
            None => Ok(&self.text),
            Some(_) => Err(AccountNameError::User),
        }
    }

    /// The namespace of a robot.
    ///
    /// # Errors
    /// [`AccountNameError::Robot`] for a user's name.
    pub fn as_robot(&self) -> Result<&RepositoryName, AccountNameError> {
        self.namespace().ok_or(AccountNameError::Robot)
    }

    /// Whether it is the name of a robot.
    pub fn is_robot(&self) -> bool {
        self.namespace.is_some()
    }
}

impl FromStr for AccountName {
    type Err = AccountNameError;

    fn from_str(s: &str) -> Result<Self, AccountNameError> {
        let namespace = match s.split_once(SEPARATOR) {
            Some((namespace, name)) => {
                let namespace = namespace.parse().map_err(|_| AccountNameError::Robot)?;
                if !is_name(name, b"._-") {
                    return Err(AccountNameError::Robot);
                }
                Some(namespace)
            }
            None if is_name(s, b"._@-") => None,
            None => return Err(AccountNameError::User),
        };
        Ok(Self { text: s.to_owned(), namespace })
    }
}

/// Whether `text` matches `[a-z0-9][a-z0-9<others>]{0,127}`.
fn is_name(text: &str, others: &[u8]) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.len() <= AccountName::MAX_LEN
        && bytes.iter().all(|b| alphanumeric(b) || others.contains(b))
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AccountName, AccountNameError> {
        text.parse()
    }

    #[test]
    fn a_plus_makes_the_name_of_a_robot() {
        for user in ["a", "0", "ann", "ann.b_c-d", "ann@example.org", "a..", &"a".repeat(128)] {
            let name = parse(user).unwrap();
            assert_eq!((name.as_str(), name.is_robot()), (user, false));
        }
        for (robot, namespace) in [("acme+ci", "acme"), ("acme/web+ci.2_x-", "acme/web")] {
            let name = parse(robot).unwrap();
            assert_eq!((name.as_str(), name.is_robot()), (robot, true));
            assert_eq!(name.namespace().unwrap().as_str(), namespace);
        }
    }

    #[test]
    fn other_strings_are_refused() {
        let long = "a".repeat(129);
        for bad in ["", ".a", "@a", "A", "a b", "a:b", "a/b", "a\0", "ä", "a\n", &long] {
            assert_eq!(parse(bad), Err(AccountNameError::User), "{bad}");
        }
        let long = format!("acme+{long}");
        for bad in
            ["+", "+ci", "acme+", "Acme+ci", "acme+Ci", "acme+a+b", "acme+a@b", "a:b+c", &long]
        {
            assert_eq!(parse(bad), Err(AccountNameError::Robot), "{bad}");
        }
    }
}
