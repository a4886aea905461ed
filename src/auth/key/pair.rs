//! A signing key and its public part.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as Pair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use serde_json::{Value, json};

use crate::auth::AuthError;
use crate::stream::hashing::sha256_bytes;

/// Fewest bytes of a modulus: 2048 bits. Smaller keys are refused, and ring would not verify with them.
const MODULUS_BYTES: usize = 256;

/// A private key with its public part.
pub(in crate::auth) struct KeyPair {
    pair: Pair,
    public: PublicKey,
    der: Vec<u8>,
}

impl KeyPair {
    /// Parses an RSAPrivateKey (RFC 8017, A.1.2).
    ///
    /// # Errors
    /// `der` is not such a key, or the key has fewer than 2048 bits.
    pub(in crate::auth) fn from_der(der: Vec<u8>) -> Result<Self, AuthError> {
        let pair = Pair::from_der(&der).map_err(|error| {
            AuthError::Internal(format!("a signing key in the database is malformed: {error}"))
        })?;
        let public = PublicKey::new(PublicKeyComponents::from(pair.public()))?;
        Ok(Self { pair, public, der })
    }

    /// The RSAPrivateKey, to be sealed and stored.
    pub(in crate::auth) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The RSAPublicKey (RFC 8017, A.1.1).
    pub(in crate::auth) fn public_der(&self) -> &[u8] {
        self.pair.public().as_ref()
    }

    pub(in crate::auth) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256.
    ///
    /// # Errors
    /// ring could not sign. It does not say why; one reason is that it blinds the computation with random numbers, and
    /// the system has none.
    pub(in crate::auth) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AuthError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| AuthError::Internal("the signing key failed to sign".to_owned()))?;
        Ok(signature)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyPair").field(&self.public.kid).finish()
    }
}

/// The public part of a key.
#[derive(Clone, Debug)]
pub(in crate::auth) struct PublicKey {
    components: PublicKeyComponents<Vec<u8>>,
    kid: String,
}

impl PublicKey {
    fn new(components: PublicKeyComponents<Vec<u8>>) -> Result<Self, AuthError> {
        if components.n.len() < MODULUS_BYTES {
            return Err(AuthError::Internal("a signing key has fewer than 2048 bits".to_owned()));
        }
        let kid = thumbprint(&components);
        Ok(Self { components, kid })
    }

    /// The name of the key (`kid`): its thumbprint, so that nobody can choose the name.
    pub(in crate::auth) fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether `signature` is the signature of `message` by this key.
    pub(in crate::auth) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.components.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }

    /// The JSON Web Key (RFC 7517).
    pub(in crate::auth) fn jwk(&self) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": BASE64URL_NOPAD.encode(&self.components.n),
            "e": BASE64URL_NOPAD.encode(&self.components.e),
        })
    }
}

/// The thumbprint (RFC 7638): the SHA-256 of a JSON object with the members of the key in alphabetical order.
fn thumbprint(key: &PublicKeyComponents<Vec<u8>>) -> String {
    let (n, e) = (BASE64URL_NOPAD.encode(&key.n), BASE64URL_NOPAD.encode(&key.e));
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    BASE64URL_NOPAD.encode(&sha256_bytes(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_matches_the_example_of_the_rfc() {
        // RFC 7638, 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKeyComponents {
            n: BASE64URL_NOPAD.decode(n.as_bytes()).unwrap(),
            e: vec![1, 0, 1],
        };
        assert_eq!(thumbprint(&key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        let jwk = PublicKey::new(key).unwrap().jwk();
        assert_eq!((jwk["n"].as_str(), jwk["e"].as_str()), (Some(n), Some("AQAB")));
    }

    #[test]
    fn small_keys_are_refused() {
        let small = PublicKeyComponents { n: vec![0xff; 255], e: vec![1, 0, 1] };
        assert!(PublicKey::new(small).is_err());
        assert!(KeyPair::from_der(vec![0x30, 0]).is_err());
    }
}
