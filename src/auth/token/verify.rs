//! Verification of access tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quick_cache::sync::Cache;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Claims, Expectation, Unverified, unix};
use crate::auth::key::SharedKeys;
use crate::auth::{AuthError, Caller};
use crate::rights::Scope;
use crate::stream::hashing::sha256_bytes;
use crate::telemetry::metrics;

/// Most tokens whose signature is remembered as verified.
const VERIFIED: usize = 10_000;

/// A token with a valid signature.
#[derive(Debug)]
struct Verified {
    kid: String,
    claims: Claims,
    scopes: Vec<Scope>,
}

/// Content and validity of a token with a valid signature. Its JSON has the members `kid`, `claims`, `believed`
/// (whether the token is valid) and `reason` (why not, or null).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Inspection {
    /// Name of the key that signed it.
    pub kid: String,
    pub claims: Claims,
    pub validity: Validity,
}

/// The validity of a token at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// The token may be used.
    Valid,
    /// It expired this long ago, and may still finish a push that it began.
    Expired(Duration),
    /// Its account was removed or disabled, or has got new credentials since.
    Revoked,
    /// It may not be used, for this reason.
    Rejected(&'static str),
}

impl Validity {
    /// Why the token is not valid; `None` when it is.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Valid => None,
            Self::Expired(ago) => {
                let ago = humantime::format_duration(Duration::from_secs(ago.as_secs()));
                Some(format!("it expired {ago} ago"))
            }
            Self::Revoked => {
                Some("its account was removed or disabled, or has new credentials".to_owned())
            }
            Self::Rejected(reason) => Some((*reason).to_owned()),
        }
    }
}

impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reason = self.validity.reason();
        let mut object = serializer.serialize_struct("Inspection", 4)?;
        object.serialize_field("kid", &self.kid)?;
        object.serialize_field("claims", &self.claims)?;
        object.serialize_field("believed", &reason.is_none())?;
        object.serialize_field("reason", &reason)?;
        object.end()
    }
}

/// Verifies tokens against the shared keys.
pub(in crate::auth) struct Verifier {
    keys: Arc<SharedKeys>,
    expectation: Expectation,
    /// Verified tokens by their SHA-256.
    verified: Cache<[u8; 32], Arc<Verified>>,
}

impl Verifier {
    pub(super) fn new(keys: Arc<SharedKeys>, expectation: Expectation) -> Self {
        Self { keys, expectation, verified: Cache::new(VERIFIED) }
    }

    /// The issuer and the service that tokens must name.
    pub(super) fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// The caller who sends `token`. The signature of a token that was seen before is not verified again; its key and
    /// its claims are.
    pub(super) async fn caller(&self, token: &str) -> Result<Caller, AuthError> {
        let hash = sha256_bytes(token.as_bytes());
        let known = self.verified.get(&hash);
        let known = known.filter(|known| self.keys.current().public(&known.kid).is_some());
        metrics::looked_up(metrics::Cache::Tokens, known.is_some());
        let verified = match known {
            Some(known) => known,
            None => Arc::new(self.verify(token).await?),
        };
        let claims = &verified.claims;
        let expired = claims
            .check(&self.expectation, unix(SystemTime::now()))
            .map_err(AuthError::Token)
            .inspect_err(|_| drop(self.verified.remove(&hash)))?;
        let caller =
            Caller::bearer(claims.sub.clone(), claims.grantee(), verified.scopes.clone(), expired);
        if self.verified.get(&hash).is_none() {
            self.verified.insert(hash, verified);
        }
        Ok(caller)
    }

    /// Content and validity of `token`, without a look at the rows of its account.
    ///
    /// # Errors
    /// [`AuthError::Token`] if its form or signature is wrong, so that its claims mean nothing.
    pub(super) async fn inspect(&self, token: &str) -> Result<Inspection, AuthError> {
        let Verified { kid, claims, .. } = self.verify(token).await?;
        let validity = match claims.check(&self.expectation, unix(SystemTime::now())) {
            Ok(None) => Validity::Valid,
            Ok(Some(ago)) => Validity::Expired(ago),
            Err(reason) => Validity::Rejected(reason),
        };
        Ok(Inspection { kid, claims, validity })
    }

    async fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        let unverified = Unverified::parse(token).map_err(AuthError::Token)?;
        let kid = unverified.kid().to_owned();
        let keys = self.keys.with(&kid).await?;
        let key = keys.public(&kid).ok_or(AuthError::Token("its key is unknown"))?;
        let claims = unverified.verify(key).map_err(AuthError::Token)?;
        Ok(Verified { kid, scopes: claims.scopes(), claims })
    }
}
