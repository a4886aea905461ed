//! The gate: every request that is not open to everyone asks here for the right that it needs.
//!
//! The right to read is granted with the caller attached, and the statement that looks the content up checks the rows
//! at the same time (see `gate` in `sql/migrations/0003_access.sql`). That costs one round trip, and a right that was
//! revoked a moment ago is gone. A right without such a lookup is checked here.

use std::time::Duration;

use super::{
    Auth, AuthError, Authorized, Caller, Delete, Lenience, Listing, LoggedIn, Mounting, Pull, Push,
};
use crate::oci::RepositoryName;
use crate::rights::{Access, Action, Grantee};

/// How long after a completed blob an expired token may still push the manifest.
const AFTER_PUSH: Duration = Duration::from_secs(10 * 60);

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
    /// Requires a login, or any token: one for an anonymous caller is enough.
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
                        Err(AuthError::Token("its account is not what it was"))
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

    /// Permission to read `repository`, which the lookup of the content has yet to confirm.
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

    /// Permission to add to `target` a blob of `source`, or of any repository that the caller may read.
    ///
    /// # Errors
    /// [`AuthError::Scope`] also when the caller may read the source and their token does not cover it: a token for
    /// both helps. A caller who may not read the source learns nothing, and the mount becomes an upload.
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
        Ok(Mounting::new(may, source.cloned()))
    }

    /// Permission to change `repository`, confirmed by the rows.
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
            live(self.caller)?;
        }
        if self.caller.grantee() == Grantee::Anonymous
            || !self.is_granted(repository, action).await?
        {
            return Err(self.caller.refusal());
        }
        Ok(self.authorized(repository))
    }

    /// Whether the caller has begun what `lenience` lets an expired token finish.
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
        Some(_) => Err(AuthError::Token("it ran out")),
    }
}
