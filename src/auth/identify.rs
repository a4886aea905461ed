//! Who sent a request, as far as its credentials say.

use std::net::IpAddr;

use super::{Auth, AuthError, Caller, Credentials};
use crate::rights::Grantee;

impl Auth {
    /// Who sent a request from `client` with `credentials`. Whether an account still is what it was when a token was
    /// issued or a login remembered is for the gate to ask, of the rows.
    ///
    /// # Errors
    /// [`AuthError::Credentials`], [`AuthError::Token`], [`AuthError::TooMany`], [`AuthError::Unavailable`].
    pub async fn identify(
        &self,
        credentials: &Credentials,
        client: IpAddr,
    ) -> Result<Caller, AuthError> {
        if !self.asks_for_login() {
            return Ok(Caller::everyone());
        }
        let authority = self.authority()?;
        match credentials {
            Credentials::None => Ok(Caller::anonymous()),
            Credentials::Basic { user, password } => {
                let account = authority.logins.login(user, password, client).await?;
                Ok(Caller::account(account.name.clone(), account.revision))
            }
            Credentials::Bearer(token) => authority.tokens.caller(token).await,
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
        match self.store().accounts().get(user).await? {
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
        match self.store().accounts().get_by_revision(revision).await? {
            Some(account) if account.usable => Ok(()),
            _ => {
                self.authority()?.logins.forget(revision);
                Err(AuthError::Credentials)
            }
        }
    }
}
