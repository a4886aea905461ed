//! Who sent a request, as far as its credentials say.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};

use super::authority::{Authority, unix};
use super::token::Unverified;
use super::{Auth, AuthError, Caller, Claims, Credentials};
use crate::rights::Grantee;
use crate::rights::Scope;

/// A token whose signature was verified.
#[derive(Debug)]
pub(super) struct Verified {
    kid: String,
    claims: Claims,
    scopes: Vec<Scope>,
}

/// What can be said of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The key that signed it.
    pub kid: String,
    /// What it says.
    pub claims: Claims,
    /// How long ago it ran out, when that is all that is wrong with it; or what else is.
    pub verdict: Result<Option<Duration>, &'static str>,
}

impl Auth {
    /// Who sent a request from `client` with `credentials`. Whether an account still is what it was when a token was
    /// issued or a login remembered is for the gate to ask, of the rows.
    ///
    /// # Errors
    /// [`AuthError::Credentials`], [`AuthError::Token`], [`AuthError::TooMany`], [`AuthError::Unavailable`].
    pub async fn identify(
        &self,
        credentials: Credentials,
        client: IpAddr,
    ) -> Result<Caller, AuthError> {
        if !self.asks_for_login() {
            return Ok(Caller::everyone());
        }
        let authority = self.authority()?;
        match credentials {
            Credentials::None => Ok(Caller::nobody()),
            Credentials::Basic { user, password } => {
                let account = authority.logins.login(&user, &password, client).await?;
                Ok(Caller::account(account.name.clone(), account.revision))
            }
            Credentials::Bearer(token) => authority.bearer(&token).await,
        }
    }

    /// Who sent a request with a client certificate that names `user`. The certificate's authority vouches for the
    /// name; the account must be there and may not be a robot's.
    ///
    /// # Errors
    /// [`AuthError::Credentials`], [`AuthError::Unavailable`].
    pub async fn identify_certified(&self, user: &str) -> Result<Caller, AuthError> {
        if !self.asks_for_login() {
            return Ok(Caller::everyone());
        }
        match self.store().account(user).await? {
            Some(account) if account.usable && !account.is_robot() => {
                Ok(Caller::account(account.name, account.revision))
            }
            _ => Err(AuthError::Credentials),
        }
    }

    /// Forgets the login of a caller who was refused, if the account is not any more what the login found: the next
    /// request logs in anew, with the rights that it has by then.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`].
    pub async fn look_again(&self, caller: &Caller) -> Result<(), AuthError> {
        let Grantee::Account(revision) = caller.grantee() else { return Ok(()) };
        if caller.is_bearer() {
            return Ok(());
        }
        match self.store().account_of_revision(revision).await? {
            Some(account) if account.usable => Ok(()),
            _ => {
                self.authority()?.logins.forget(revision);
                Err(AuthError::Credentials)
            }
        }
    }

    /// What a token says and whether it is believed now.
    ///
    /// # Errors
    /// [`AuthError::Token`] when its form or signature is not right, so that nothing it says is worth reading.
    pub async fn inspect(&self, token: &str) -> Result<Inspection, AuthError> {
        let authority = self.authority()?;
        let Verified { kid, claims, .. } = authority.verify(token).await?;
        let verdict = claims.check(&authority.expectation, unix(SystemTime::now()));
        Ok(Inspection { kid, claims, verdict })
    }
}

impl Authority {
    /// The bearer of `token`. The signature of one that was seen before is not verified again, all else is.
    async fn bearer(&self, token: &str) -> Result<Caller, AuthError> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        let known = self.verified.get(&hash);
        let known = known.filter(|known| self.keys.current().public(&known.kid).is_some());
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

    async fn verify(&self, token: &str) -> Result<Verified, AuthError> {
        let unverified = Unverified::parse(token).map_err(AuthError::Token)?;
        let kid = unverified.kid().to_owned();
        let keys = self.keys.with(&kid).await?;
        let key = keys.public(&kid).ok_or(AuthError::Token("by a key that is not known"))?;
        let claims = unverified.verify(key).map_err(AuthError::Token)?;
        Ok(Verified { kid, scopes: claims.scopes(), claims })
    }
}
