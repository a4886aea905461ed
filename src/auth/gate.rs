//! The gate, which grants a caller the right that a request needs.
//!
//! The gate checks a right to change a repository in PostgreSQL. It does not check the right to read there: the statement
//! that looks up the content does (see `gate` in `sql/migrations/0003_access.sql`). So a read costs one round trip, and a
//! revoked right ends at once.

use std::time::Duration;

use super::{
    Auth, AuthError, Authorized, Caller, Delete, Lenience, Listing, LoggedIn, Mounting, Pull, Push,
};
use crate::oci::RepositoryName;
use crate::rights::{Access, Action, Grantee};

/// Time after a completed blob in which an expired token may still push the manifest.
const AFTER_PUSH: Duration = Duration::from_secs(10 * 60);

/// The refusal of an expired token.
const EXPIRED: AuthError = AuthError::Token("it has expired");

/// Grants rights to one caller. A refusal is the same for a repository that exists and for one that does not.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    auth: &'a Auth,
    caller: &'a Caller,
}

impl Auth {
    /// The gate for `caller`.
    pub fn gate<'a>(&'a self, caller: &'a Caller) -> Gate<'a> {
        Gate { auth: self, caller }
    }
}

impl Gate<'_> {
    /// Requires a login or a token. A token for an anonymous caller is enough.
    pub async fn login(self) -> Result<LoggedIn, AuthError> {
        live(self.caller)?;
        match self.caller.grantee() {
            Grantee::Everyone => Ok(LoggedIn::new()),
            Grantee::Anonymous if self.caller.is_bearer() => Ok(LoggedIn::new()),
            Grantee::Anonymous => Err(AuthError::Login),
            Grantee::Account(revision) => {
                match self.auth.store().accounts().get_by_revision(revision).await? {
                    Some(account) if account.usable => Ok(LoggedIn::new()),
                    _ if self.caller.is_bearer() => {
                        Err(AuthError::Token("its account has changed or is disabled"))
                    }
                    _ => Err(AuthError::Credentials),
                }
            }
        }
    }

    /// Permission to list the repositories that the caller may read, which may be none.
    pub fn list(self) -> Result<Listing, AuthError> {
        live(self.caller)?;
        let grantee = self.caller.grantee();
        match self.caller.covers_catalog() {
            _ if grantee == Grantee::Anonymous && !self.caller.is_bearer() => Err(AuthError::Login),
            true => Ok(Listing::new(grantee)),
            false => Err(AuthError::Scope),
        }
    }

    /// Permission to read `repository`. The lookup of the content has yet to confirm it.
    pub fn pull(self, repository: &RepositoryName) -> Result<Authorized<Pull>, AuthError> {
        live(self.caller)?;
        match self.caller.covers(repository, Action::Pull) {
            true => Ok(self.authorized(repository)),
            false => Err(AuthError::Scope),
        }
    }

    /// Permission to add to `repository`.
    pub async fn push(
        self,
        repository: &RepositoryName,
        lenience: Lenience,
    ) -> Result<Authorized<Push>, AuthError> {
        self.change(repository, Action::Push, lenience).await
    }

    /// Permission to delete from `repository`.
    pub async fn delete(
        self,
        repository: &RepositoryName,
    ) -> Result<Authorized<Delete>, AuthError> {
        self.change(repository, Action::Delete, Lenience::None).await
    }

    /// Permission to mount a blob of `source` into `target`. Without a source, the blob may come from any repository that
    /// the caller may read and that the caller's token, if there is one, covers.
    ///
    /// # Errors
    /// [`AuthError::Scope`] also when the caller may read the source but their token does not cover it. A token for both
    /// repositories helps then. When the caller may not read the source, the mount becomes an upload and the caller learns
    /// nothing.
    pub async fn mount(
        self,
        target: &RepositoryName,
        source: Option<&RepositoryName>,
    ) -> Result<Mounting, AuthError> {
        let may = self.push(target, Lenience::None).await?;
        if let Some(source) = source
            && !self.caller.covers(source, Action::Pull)
            && self.is_granted(source, Action::Pull).await?
        {
            return Err(AuthError::Scope);
        }
        Ok(Mounting::new(may, source.cloned(), self.caller.readable()))
    }

    /// Permission to change `repository`, checked in PostgreSQL.
    async fn change<A>(
        self,
        repository: &RepositoryName,
        action: Action,
        lenience: Lenience,
    ) -> Result<Authorized<A>, AuthError> {
        if self.caller.grantee() == Grantee::Everyone {
            return Ok(self.authorized(repository));
        }
        if !self.caller.covers(repository, action) {
            live(self.caller)?;
            return Err(AuthError::Scope);
        }
        if self.caller.expired().is_some() && !self.has_begun(repository, lenience).await? {
            return Err(EXPIRED);
        }
        if self.caller.grantee() == Grantee::Anonymous
            || !self.is_granted(repository, action).await?
        {
            return Err(self.caller.refusal());
        }
        Ok(self.authorized(repository))
    }

    /// Whether the caller has started the push that `lenience` lets an expired token finish.
    async fn has_begun(
        self,
        repository: &RepositoryName,
        lenience: Lenience,
    ) -> Result<bool, AuthError> {
        let (store, subject) = (self.auth.store(), self.caller.subject());
        Ok(match lenience {
            _ if subject.is_empty() => false,
            Lenience::None => false,
            Lenience::Upload(id) => store.uploads().get(repository, id.0, subject).await?.is_some(),
            Lenience::AfterPush => {
                store.access().pushed_recently(repository, subject, AFTER_PUSH).await?
            }
        })
    }

    async fn is_granted(
        self,
        repository: &RepositoryName,
        action: Action,
    ) -> Result<bool, AuthError> {
        let access = Access { repository: repository.clone(), grantee: self.caller.grantee() };
        Ok(self.auth.store().access().allowed(&access, action).await?)
    }

    fn authorized<A>(self, repository: &RepositoryName) -> Authorized<A> {
        let access = Access { repository: repository.clone(), grantee: self.caller.grantee() };
        Authorized::new(access, self.caller.subject().to_owned())
    }
}

/// Refuses an expired token.
fn live(caller: &Caller) -> Result<(), AuthError> {
    match caller.expired() {
        None => Ok(()),
        Some(_) => Err(EXPIRED),
    }
}
