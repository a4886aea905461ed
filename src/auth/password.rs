//! Passwords of users: argon2id with the recommended parameters (19 MiB, two passes, one lane).

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;

use super::AuthError;
use crate::config::Secret;

/// The hash to keep of a password, in PHC form with a salt of its own. Takes some 20 ms of a core.
///
/// # Errors
/// [`AuthError::Internal`] when there is no memory or no randomness for it.
pub fn hash(password: &Secret) -> Result<String, AuthError> {
    let hash: Result<PasswordHash, _> =
        Argon2::default().hash_password(password.expose().as_bytes());
    let hash = hash.map_err(|error| AuthError::Internal(format!("hashing a password: {error}")))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_salted_and_tells_its_parameters() {
        let password = Secret::new("correct horse");
        let (one, two) = (hash(&password).unwrap(), hash(&password).unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
    }
}
