//! Passwords of users, as argon2id keeps them.

use argon2::{Argon2, PasswordHasher};

use super::AuthError;
use crate::config::Secret;

/// Hashes with argon2id: 19 MiB, two passes, one lane (OWASP, "Password Storage Cheat Sheet"), a random salt. Takes
/// tens of milliseconds. The result is in PHC form.
///
/// # Errors
/// [`AuthError::Internal`]: a mistake of this program.
pub async fn hash_password(password: &Secret) -> Result<String, AuthError> {
    let password = password.clone();
    let work = move || Argon2::default().hash_password(password.expose().as_bytes());
    let failed =
        |error: String| AuthError::Internal(format!("a password could not be hashed: {error}"));
    let hashed =
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?;
    hashed.map(|hash| hash.to_string()).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_is_salted_and_tells_its_parameters() {
        let password = Secret::new("correct horse");
        let (one, two) =
            (hash_password(&password).await.unwrap(), hash_password(&password).await.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
    }
}
