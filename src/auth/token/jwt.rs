//! The form of a token: three parts of base64url with dots between (RFC 7515).

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::Claims;
use crate::auth::AuthError;
use crate::auth::credentials::TOKEN_BYTES;
use crate::auth::key::{KeyPair, PublicKey};

/// The one algorithm. It is compared before any key is looked at, so nobody can have a token checked by another.
const ALGORITHM: &str = "RS256";

/// The header. Any other field refuses the token: `jwk`, `jku`, `x5c` and `x5u` bring a key of their own, `crit` says
/// that not to understand a field is to misread the token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    alg: String,
    kid: String,
}

/// A token of the right form. Nothing that it says is to be believed yet.
#[derive(Debug)]
pub(in crate::auth) struct Unverified<'a> {
    /// Header and claims, as they were signed.
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
    kid: String,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// What is wrong with its form or header.
    pub(in crate::auth) fn parse(token: &'a str) -> Result<Self, &'static str> {
        if token.len() > TOKEN_BYTES {
            return Err("too long");
        }
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err("not of three parts");
        }
        let (signed, signature) = token.rsplit_once('.').ok_or("not of three parts")?;
        let (header, claims) = signed.split_once('.').ok_or("not of three parts")?;
        let header: Header = read(header).ok_or("with a header that is not ours")?;
        if header.alg != ALGORITHM {
            return Err("of another algorithm");
        }
        if header.typ.is_some_and(|typ| typ != "JWT") {
            return Err("of another type");
        }
        let signature = decode(signature).ok_or("with a signature that is not base64url")?;
        Ok(Self { signed, claims, signature, kid: header.kid })
    }

    /// The name of the key that it says to be signed with: something to look up in a map, and no more.
    pub(in crate::auth) fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks the signature, and only then reads the claims.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::auth) fn verify(self, key: &PublicKey) -> Result<Claims, &'static str> {
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err("with a wrong signature");
        }
        read(self.claims).ok_or("with claims that are not ours")
    }
}

impl Claims {
    /// What a token says, to be shown and never to be believed: nothing of it was verified.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn unverified(token: &str) -> Result<Self, &'static str> {
        read(Unverified::parse(token)?.claims).ok_or("with claims that are not ours")
    }
}

/// Signs `claims`.
///
/// # Errors
/// [`AuthError::Internal`], when the system has no random numbers.
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

/// A part that is a JSON object. Where a list would do as well, a struct could be read from one.
fn read<T: for<'a> Deserialize<'a>>(part: &str) -> Option<T> {
    let json = decode(part)?;
    if json.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(&json).ok()
}
