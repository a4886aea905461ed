//! Hashing and comparing the passwords of users, with argon2id.

use std::num::NonZero;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{AccountsError, random_password};
use crate::config::Secret;

/// Hashes a password with argon2id and a random salt: 19 MiB, two passes, one lane (OWASP, "Password Storage Cheat
/// Sheet"). The result is in PHC form. This takes tens of milliseconds of a core.
pub async fn hash_password(password: &Secret) -> Result<String, AccountsError> {
    let password = password.clone();
    blocking(move || hash(&password)).await?
}

/// Whether two hashes are equal. The time it takes depends only on their length, so it reveals nothing about them.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Compares passwords with hashes. At most as many comparisons run at once as there are cores, since each takes 19 MiB
/// and a core for tens of milliseconds.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    /// The hash of a random password, to compare with when there is no account.
    dummy: String,
}

/// The right to run one comparison.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Passwords {
    /// Hashes a random password, which takes tens of milliseconds.
    pub(crate) async fn new() -> Result<Self, AccountsError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let dummy = hash_password(&random_password()).await?;
        Ok(Self { slots: Arc::new(Semaphore::new(cores)), dummy })
    }

    /// Waits until a comparison may run.
    pub(crate) async fn slot(&self) -> Result<Slot, AccountsError> {
        let permit = Arc::clone(&self.slots).acquire_owned().await;
        permit
            .map(|permit| Slot { _permit: permit })
            .map_err(|error| AccountsError::Internal(error.to_string()))
    }

    /// Whether `password` has this `hash`. Without a hash the answer is no, and takes as long: a client must not be
    /// able to tell a missing account from a wrong password by the time. The slot goes into the work and comes back
    /// with the result, so that it stays occupied until the work is done, even if the caller stops waiting.
    pub(crate) async fn compare(
        &self,
        hash: Option<String>,
        password: &Secret,
        slot: Slot,
    ) -> Result<(bool, Slot), AccountsError> {
        let (hash, known) = match hash {
            Some(hash) => (hash, true),
            None => (self.dummy.clone(), false),
        };
        let password = password.clone();
        blocking(move || (verify(&hash, &password) & known, slot)).await
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

/// Compares with the cost parameters that the hash itself names.
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
        let (slot, hash) = (passwords.slot().await.unwrap(), hash.map(str::to_owned));
        passwords.compare(hash, &Secret::new(password), slot).await.unwrap().0
    }

    #[tokio::test]
    async fn only_the_same_password_matches() {
        let long = "x".repeat(200);
        let hash = hash_password(&Secret::new(&*long)).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash_password(&Secret::new(&*long)).await.unwrap(), hash);
        let passwords = Passwords::new().await.unwrap();
        assert!(compare(&passwords, Some(&hash), &long).await);
        // Every byte of a long password counts.
        for wrong in ["", &long[1..], &format!("{long}x"), &"X".repeat(200)] {
            assert!(!compare(&passwords, Some(&hash), wrong).await);
        }
        for no_hash in ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$"] {
            assert!(!compare(&passwords, Some(no_hash), "").await);
        }
        assert!(!compare(&passwords, None, &long).await);
    }

    #[tokio::test]
    async fn a_missing_account_costs_as_much_as_a_wrong_password() {
        let passwords = Passwords::new().await.unwrap();
        let hash = hash_password(&Secret::new("x")).await.unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(cost(&passwords.dummy), cost(&hash));
    }

    #[test]
    fn hashes_are_compared_to_the_end() {
        assert!(is_same(b"abc", b"abc") && !is_same(b"abc", b"abd") && !is_same(b"abc", b"ab"));
    }
}
