//! The form of a token (RFC 7515): header, claims and signature in base64url, with dots between.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::Claims;
use crate::auth::AuthError;
use crate::auth::credentials::TOKEN_BYTES;
use crate::auth::key::{KeyPair, PublicKey};

/// The only algorithm. It is checked before any key is looked up, so a token cannot choose another one.
const ALGORITHM: &str = "RS256";

/// The header. A token with any other field is refused: `jwk`, `jku`, `x5c` and `x5u` bring a key of their own, and
/// `crit` forbids accepting a token whose fields one does not understand.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    alg: String,
    kid: String,
}

/// A well-formed token whose signature has not been checked, so that nothing in it can be trusted.
#[derive(Debug)]
pub(in crate::auth) struct Unverified<'a> {
    /// Header and claims in base64url: the text that was signed.
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
    kid: String,
}

impl<'a> Unverified<'a> {
    /// Splits a token and checks its header.
    ///
    /// # Errors
    /// The reason why it is not a token of ours.
    pub(in crate::auth) fn parse(token: &'a str) -> Result<Self, &'static str> {
        if token.len() > TOKEN_BYTES {
            return Err("it is too long");
        }
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err("it does not have three parts");
        }
        let (signed, signature) = token.rsplit_once('.').ok_or("it does not have three parts")?;
        let (header, claims) = signed.split_once('.').ok_or("it does not have three parts")?;
        let header: Header =
            read(header).ok_or("its header is not one that this registry writes")?;
        if header.alg != ALGORITHM {
            return Err("its algorithm is not RS256");
        }
        if header.typ.is_some_and(|typ| typ != "JWT") {
            return Err("its type is not JWT");
        }
        let signature = decode(signature).ok_or("its signature is not base64url")?;
        Ok(Self { signed, claims, signature, kid: header.kid })
    }

    /// The name of the key that it claims to be signed with. Use it for nothing but a lookup.
    pub(in crate::auth) fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks the signature, and only then parses the claims.
    ///
    /// # Errors
    /// The reason why it is not valid.
    pub(in crate::auth) fn verify(self, key: &PublicKey) -> Result<Claims, &'static str> {
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err("its signature is wrong");
        }
        read(self.claims).ok_or("its claims are malformed")
    }
}

impl Claims {
    /// Parses the claims of a token without checking its signature. Never trust the result.
    ///
    /// # Errors
    /// The reason why it is malformed.
    pub fn unverified(token: &str) -> Result<Self, &'static str> {
        read(Unverified::parse(token)?.claims).ok_or("its claims are malformed")
    }
}

/// Encodes and signs `claims`.
pub(in crate::auth) fn sign(claims: &Claims, key: &KeyPair) -> Result<String, AuthError> {
    let header = Header {
        typ: Some("JWT".to_owned()),
        alg: ALGORITHM.to_owned(),
        kid: key.public().kid().to_owned(),
    };
    let mut token = format!("{}.{}", encode(&header)?, encode(claims)?);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    BASE64URL_NOPAD.encode_append(&signature, &mut token);
    Ok(token)
}

fn encode(part: &impl Serialize) -> Result<String, AuthError> {
    let json = serde_json::to_vec(part).map_err(|error| AuthError::Internal(error.to_string()))?;
    Ok(BASE64URL_NOPAD.encode(&json))
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(part.as_bytes()).ok()
}

/// Decodes a part that is a JSON object. serde would also read a struct from a list, which is refused here.
fn read<T: for<'a> Deserialize<'a>>(part: &str) -> Option<T> {
    let json = decode(part)?;
    if json.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(&json).ok()
}
