//! The tokens of a server that asks for a login.

use std::sync::Arc;
use std::time::Duration;

use super::verify::Verifier;
use super::{Expectation, Inspection, Validity};
use crate::auth::key::SharedKeys;
use crate::auth::limits::Limits;
use crate::auth::login::Logins;
use crate::auth::{AuthError, Caller};
use crate::seal::Authenticator;
use crate::store::Store;

/// When tokens expire, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(in crate::auth) struct Lives {
    /// Time until a new token expires.
    pub(in crate::auth) access: Duration,
    /// Time after its last use until a refresh token expires.
    pub(in crate::auth) refresh: Duration,
    /// Most refresh tokens of one account that one program holds.
    pub(in crate::auth) refresh_tokens: u32,
}

/// Issues and verifies tokens.
pub struct Tokens {
    pub(super) store: Store,
    pub(super) keys: Arc<SharedKeys>,
    pub(super) logins: Logins,
    pub(super) limits: Arc<Limits>,
    pub(super) lives: Lives,
    /// Tags the refresh tokens that follow the first of a family.
    pub(super) families: Authenticator,
    verifier: Verifier,
}

impl Tokens {
    pub(in crate::auth) fn new(
        store: Store,
        keys: Arc<SharedKeys>,
        logins: Logins,
        limits: Arc<Limits>,
        expectation: Expectation,
        lives: Lives,
        families: Authenticator,
    ) -> Self {
        let verifier = Verifier::new(Arc::clone(&keys), expectation);
        Self { store, keys, logins, limits, lives, families, verifier }
    }

    /// The issuer and the service that tokens name.
    pub(in crate::auth) fn expectation(&self) -> &Expectation {
        self.verifier.expectation()
    }

    /// The caller who sends `token`. Does not check whether the account has changed since the token was issued: the
    /// gate does so, in a statement that it needs anyway.
    pub(in crate::auth) async fn caller(&self, token: &str) -> Result<Caller, AuthError> {
        self.verifier.caller(token).await
    }

    /// Verifies the signature of `token` anew and checks its claims. Does not read the rows of its account.
    ///
    /// # Errors
    /// [`AuthError::Token`] if its form or signature is wrong, so that its claims mean nothing.
    pub async fn verify(&self, token: &str) -> Result<Inspection, AuthError> {
        self.verifier.inspect(token).await
    }

    /// As [`Tokens::verify`], and also checks that the account has not changed since the token was issued.
    ///
    /// # Errors
    /// As [`Tokens::verify`].
    pub async fn inspect(&self, token: &str) -> Result<Inspection, AuthError> {
        let inspection = self.verify(token).await?;
        if inspection.validity != Validity::Valid || inspection.claims.rev == 0 {
            return Ok(inspection);
        }
        let account = self.store.accounts().get_by_revision(inspection.claims.rev).await?;
        match account.is_some_and(|account| account.usable) {
            true => Ok(inspection),
            false => Ok(Inspection { validity: Validity::Revoked, ..inspection }),
        }
    }
}
