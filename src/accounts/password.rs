//! Hashing and comparing the passwords of users, with argon2id.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use subtle::ConstantTimeEq;

use super::AccountsError;
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

/// Compares passwords with hashes, one after another, always in the same memory. If every comparison allocated its 19 MiB,
/// the process would keep them for ever, once for each arena of the allocator.
pub(crate) struct Comparer {
    memory: Vec<Block>,
    /// The hash of a random password, to compare with when there is no account.
    pub(super) dummy: Arc<str>,
}

impl Comparer {
    /// Allocates its memory with the first comparison. `dummy` is the hash of a random password.
    pub(super) fn new(dummy: Arc<str>) -> Self {
        Self { memory: Vec::new(), dummy }
    }

    /// Whether `password` has this `hash`. Without a hash the answer is no, and takes as long: a client must not be able to
    /// tell a missing account from a wrong password by the time.
    pub(crate) fn is_right(&mut self, hash: Option<&str>, password: &Secret) -> bool {
        let dummy = Arc::clone(&self.dummy);
        let right = self.verify(hash.unwrap_or(&dummy), password).unwrap_or(false);
        right & hash.is_some()
    }

    /// Compares with the cost parameters that the hash itself names. Answers `None` for a text that is not a hash.
    fn verify(&mut self, hash: &str, password: &Secret) -> Option<bool> {
        let hash = PasswordHash::new(hash).ok()?;
        let (salt, expected) = (hash.salt?, hash.hash?);
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map(Version::try_from).transpose().ok()?.unwrap_or_default();
        let params = Params::try_from(&hash).ok()?;
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let mut computed = vec![0; expected.as_bytes().len()];
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(
                password.expose().as_bytes(),
                &salt,
                &mut computed,
                &mut self.memory[..blocks],
            )
            .ok()?;
        Some(is_same(&computed, expected.as_bytes()))
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

    async fn comparer() -> Comparer {
        Comparer::new(hash_password(&Secret::new("nobody knows")).await.unwrap().into())
    }

    #[tokio::test]
    async fn only_the_same_password_matches() {
        let long = "x".repeat(200);
        let hash = hash_password(&Secret::new(&*long)).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash_password(&Secret::new(&*long)).await.unwrap(), hash);
        let mut comparer = comparer().await;
        let mut is_right =
            |hash: Option<&str>, password: &str| comparer.is_right(hash, &Secret::new(password));
        assert!(is_right(Some(&hash), &long));
        // Every byte of a long password counts.
        for wrong in ["", &long[1..], &format!("{long}x"), &"X".repeat(200)] {
            assert!(!is_right(Some(&hash), wrong));
        }
        for no_hash in ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$"] {
            assert!(!is_right(Some(no_hash), ""));
        }
        assert!(!is_right(None, &long));
        assert!(!is_right(None, "nobody knows"));
        // What the memory held before makes no difference.
        assert!(is_right(Some(&hash), &long));
    }

    #[tokio::test]
    async fn hashes_of_any_cost_are_compared() {
        let mut comparer = comparer().await;
        for (m, t) in [(64, 1), (32768, 1), (128, 3)] {
            let params = Params::new(m, t, 1, None).unwrap();
            let hash = Argon2::from(params).hash_password(b"x").unwrap().to_string();
            assert!(comparer.is_right(Some(&hash), &Secret::new("x")), "{hash}");
            assert!(!comparer.is_right(Some(&hash), &Secret::new("y")), "{hash}");
        }
    }

    #[test]
    fn hashes_are_compared_to_the_end() {
        assert!(is_same(b"abc", b"abc") && !is_same(b"abc", b"abd") && !is_same(b"abc", b"ab"));
    }
}
