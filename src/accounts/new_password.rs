//! Passwords that users may have.

use super::{AccountsError, hash_password};
use crate::config::Secret;

/// Fewest characters of a password.
const SHORTEST: usize = 8;

/// Common passwords in lower case: those in the manuals of registries, and others that attackers try first.
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

/// A password that a user may get.
pub struct NewPassword(Secret);

impl NewPassword {
    /// Most bytes of a password. It must fit into a header of any client.
    pub const MAX_BYTES: usize = 512;

    /// Refuses a password of `user` that is too easy to guess, or that a client could not send.
    ///
    /// # Errors
    /// [`AccountsError::Password`], with a reason that does not contain the password.
    pub fn parse(user: &str, password: Secret) -> Result<Self, AccountsError> {
        let text = password.expose();
        let lower = text.to_lowercase();
        let wrong = if text.is_empty() {
            "is empty".to_owned()
        } else if text.chars().any(char::is_control) {
            "contains a line break or another control character".to_owned()
        } else if text.chars().count() < SHORTEST {
            format!("is too short: it needs at least {SHORTEST} characters")
        } else if text.len() > Self::MAX_BYTES {
            format!("is too long: it may have at most {} bytes", Self::MAX_BYTES)
        } else if KNOWN.contains(&lower.as_str()) {
            "is a common one, which attackers try first; choose another".to_owned()
        } else if lower == user {
            "is the user's name; choose another".to_owned()
        } else {
            return Ok(Self(password));
        };
        Err(AccountsError::Password(wrong))
    }

    /// The hash that the database stores.
    pub async fn hash(&self) -> Result<String, AccountsError> {
        hash_password(&self.0).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(password: &str) -> String {
        NewPassword::parse("annabella", Secret::new(password)).err().unwrap().to_string()
    }

    #[test]
    fn weak_passwords_are_refused() {
        for known in ["password", "Harbor12345", "PASSWORD", "12345678"] {
            assert!(wrong(known).contains("try first"), "{known}");
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
    fn no_refusal_contains_the_password() {
        for password in ["hunter2", "password1", "x\ny"] {
            assert!(!wrong(password).contains(password));
        }
    }
}
