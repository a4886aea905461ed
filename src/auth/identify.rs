//! Identifies the caller of a request by its credentials.

use std::net::IpAddr;

use super::{Auth, AuthError, Caller, Credentials};
use crate::rights::Grantee;

impl Auth {
    /// Identifies the caller by the `credentials` that a client at the address `client` sent. The account may have changed
    /// since its token was issued or its login was cached. The gate checks that.
    pub async fn identify(
        &self,
        credentials: &Credentials,
        client: IpAddr,
    ) -> Result<Caller, AuthError> {
        if !self.asks_for_login() {
            return Ok(Caller::everyone());
        }
        let authority = self.authority()?;
        // A login is large, and every request has a place for it.
        match credentials {
            Credentials::None => Ok(Caller::anonymous()),
            Credentials::Basic { user, password } => {
                let account = Box::pin(authority.logins.login(user, password, client)).await?;
                Ok(Caller::account(account.name.clone(), account.revision))
            }
            Credentials::Bearer(token) => Box::pin(authority.tokens.caller(token)).await,
        }
    }

    /// Identifies the caller by a client certificate that names `user`. The certificate is verified already.
    ///
    /// # Errors
    /// [`AuthError::Credentials`] when there is no such account, it is disabled, or it belongs to a robot.
    pub async fn identify_certified(&self, user: &str) -> Result<Caller, AuthError> {
        if !self.asks_for_login() {
            return Ok(Caller::everyone());
        }
        match self.store().accounts().get(user).await? {
            Some(account) if account.usable && !account.is_robot() => {
                self.authority()?.logins.note_use(&account);
                Ok(Caller::account(account.name, account.revision))
            }
            _ => Err(AuthError::Credentials),
        }
    }

    /// Checks the cached login of a caller who was refused. If the account has changed since, the login is forgotten, so
    /// that the caller can log in again with their current rights.
    ///
    /// # Errors
    /// [`AuthError::Credentials`] when the login is out of date.
    pub async fn recheck(&self, caller: &Caller) -> Result<(), AuthError> {
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
