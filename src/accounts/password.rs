//! Passwords of users, as argon2id keeps them.

use std::num::NonZero;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{AccountsError, random_password};
use crate::config::Secret;

/// Hashes with argon2id: 19 MiB, two passes, one lane (OWASP, "Password Storage Cheat Sheet"), a random salt. Takes
/// tens of milliseconds. The result is in PHC form.
///
/// # Errors
/// [`AccountsError::Internal`]: a mistake of this program.
pub async fn hash_password(password: &Secret) -> Result<String, AccountsError> {
    let password = password.clone();
    blocking(move || hash(&password)).await?
}

/// Whether two hashes are the same, in the same time for all of a length.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Compares passwords, as many at a time as there are cores: each takes 19 MiB and a core for tens of milliseconds.
#[derive(Debug)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    /// A hash like any other, of a password that nobody knows.
    dummy: String,
}

/// The right to compare one password.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Passwords {
    /// Takes tens of milliseconds.
    ///
    /// # Errors
    /// As [`hash_password`].
    pub(crate) async fn new() -> Result<Self, AccountsError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let dummy = hash_password(&random_password()).await?;
        Ok(Self { permits: Arc::new(Semaphore::new(cores)), dummy })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`AccountsError::Internal`]: a mistake of this program.
    pub(crate) async fn turn(&self) -> Result<Turn, AccountsError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit
            .map(|permit| Turn { _permit: permit })
            .map_err(|error| AccountsError::Internal(error.to_string()))
    }

    /// Whether `password` is the one that `hash` was made of. Without a hash it takes as long and is not: who is not
    /// there and whose password is wrong must look alike. Whoever stops waiting does not end their turn before the
    /// work is done.
    ///
    /// # Errors
    /// As [`Passwords::turn`].
    pub(crate) async fn compare(
        &self,
        hash: Option<String>,
        password: &Secret,
        turn: Turn,
    ) -> Result<(bool, Turn), AccountsError> {
        let (hash, known) = match hash {
            Some(hash) => (hash, true),
            None => (self.dummy.clone(), false),
        };
        let password = password.clone();
        blocking(move || (verify(&hash, &password) & known, turn)).await
    }
}

fn hash(password: &Secret) -> Result<String, AccountsError> {
    Argon2::default()
        .hash_password(password.expose().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| {
            AccountsError::Internal(format!("a password could not be hashed: {error}"))
        })
}

/// With the cost that the hash itself names.
fn verify(hash: &str, password: &Secret) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AccountsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        AccountsError::Internal(format!("a password could not be hashed: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn compare(passwords: &Passwords, hash: Option<&str>, password: &str) -> bool {
        let (turn, hash) = (passwords.turn().await.unwrap(), hash.map(str::to_owned));
        passwords.compare(hash, &Secret::new(password), turn).await.unwrap().0
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let long = "x".repeat(200);
        let hash = hash_password(&Secret::new(&*long)).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash_password(&Secret::new(&*long)).await.unwrap(), hash);
        let passwords = Passwords::new().await.unwrap();
        assert!(compare(&passwords, Some(&hash), &long).await);
        // Nothing is cut off.
        for wrong in ["", &long[1..], &format!("{long}x"), &"X".repeat(200)] {
            assert!(!compare(&passwords, Some(&hash), wrong).await);
        }
        for no_hash in ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$"] {
            assert!(!compare(&passwords, Some(no_hash), "").await);
        }
        assert!(!compare(&passwords, None, &long).await);
    }

    #[tokio::test]
    async fn who_is_not_there_costs_as_much_as_who_is() {
        let passwords = Passwords::new().await.unwrap();
        let hash = hash_password(&Secret::new("x")).await.unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(cost(&passwords.dummy), cost(&hash));
    }

    #[test]
    fn hashes_are_compared_whole() {
        assert!(is_same(b"abc", b"abc") && !is_same(b"abc", b"abd") && !is_same(b"abc", b"ab"));
    }
}
