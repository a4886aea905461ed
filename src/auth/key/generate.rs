//! Generates signing keys.

use std::convert::Infallible;

use rsa::PrivateKey;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

use super::{KeyPair, der};
use crate::auth::AuthError;
use crate::seal::random;

/// Bits of the modulus. Tokens live for minutes, so more would protect nothing, and would slow the check of a new token
/// that comes with every pull.
const BITS: usize = 2048;

/// Generates a key. This takes most of a second, in a thread for blocking work.
pub(in crate::auth) async fn generate() -> Result<KeyPair, AuthError> {
    tokio::task::spawn_blocking(generate_now)
        .await
        .map_err(|error| AuthError::Internal(format!("cannot generate a signing key: {error}")))?
}

fn generate_now() -> Result<KeyPair, AuthError> {
    let failed =
        |reason: String| AuthError::Internal(format!("cannot generate a signing key: {reason}"));
    let key = PrivateKey::new(&mut System, BITS).map_err(|error| failed(error.to_string()))?;
    let (Some(p), Some(q)) = (key.primes().first(), key.primes().get(1)) else {
        return Err(failed("it lacks two primes".to_owned()));
    };
    let (Some(dp), Some(dq), Some(qinv)) = (key.dp(), key.dq(), key.crt_coefficient()) else {
        return Err(failed("it lacks the CRT exponents".to_owned()));
    };
    let numbers = [key.n().as_ref(), key.e(), key.d(), p.as_ref(), q.as_ref(), dp, dq, &qinv];
    let numbers = numbers.map(|number| number.to_be_bytes());
    KeyPair::from_der(der::private_key(numbers.each_ref().map(|number| &**number)))
}

/// Lets `rsa` use our source of random bytes.
struct System;

impl TryRng for System {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes(random::bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_ne_bytes(random::bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        random::fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for System {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_signs_what_it_verifies() {
        let key = generate().await.unwrap();
        let signature = key.sign(b"said").unwrap();
        assert!(key.public().verifies(b"said", &signature));
        assert!(!key.public().verifies(b"unsaid", &signature));
        let again = KeyPair::from_der(key.der().to_vec()).unwrap();
        assert_eq!(again.public().kid(), key.public().kid());
        let other = generate().await.unwrap();
        assert_ne!(other.public().kid(), key.public().kid());
        assert!(!other.public().verifies(b"said", &signature));
    }
}
