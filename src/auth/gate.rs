//! The one gate: between router and handler, for every request.
//!
//! A read is let through with who asks attached, and the statement that looks it up asks the rows at the same time (see
//! `gate` in `sql/migrations/0003_access.sql`): one round trip, and a right that was taken away a moment ago is gone.
//! What has no such lookup asks here.

use std::time::Duration;

use super::need::{Lenience, Need, RepositoryNeed};
use super::{Auth, AuthError, Authorized, Caller, Delete, Listing, Mounting, Pull, Push};
use crate::oci::RepositoryName;
use crate::rights::{Access, Action, Grantee};

/// How long after a completed blob a token that ran out may still push the manifest.
const AFTER_PUSH: Duration = Duration::from_secs(10 * 60);

/// What a request was let through for. Handlers draw their permissions from it.
#[derive(Clone, Debug)]
pub struct Permit {
    subject: String,
    grantee: Grantee,
    need: Need,
    refusal: AuthError,
}

impl Auth {
    /// Lets a request through, or not.
    ///
    /// # Errors
    /// [`AuthError::Login`], [`AuthError::Token`], [`AuthError::Scope`] and [`AuthError::Denied`]: each the same for a
    /// repository that is there and for one that is not.
    pub async fn admit(&self, caller: &Caller, need: Need) -> Result<Permit, AuthError> {
        match &need {
            Need::Nothing => {}
            _ if caller.grantee() == Grantee::Everyone => {}
            Need::Login => self.admit_login(caller).await?,
            Need::Catalog => admit_catalog(caller)?,
            Need::Repository(need) => self.admit_into(caller, need).await?,
        }
        let (subject, grantee) = (caller.subject().to_owned(), caller.grantee());
        Ok(Permit { subject, grantee, need, refusal: refusal(caller) })
    }

    async fn admit_login(&self, caller: &Caller) -> Result<(), AuthError> {
        live(caller)?;
        match caller.grantee() {
            Grantee::Everyone => Ok(()),
            Grantee::Nobody if caller.is_bearer() => Ok(()),
            Grantee::Nobody => Err(AuthError::Login),
            Grantee::Account(revision) => match self.store().account_of_revision(revision).await? {
                Some(account) if account.usable => Ok(()),
                _ if caller.is_bearer() => Err(AuthError::Token("its account is not what it was")),
                _ => Err(AuthError::Credentials),
            },
        }
    }

    async fn admit_into(&self, caller: &Caller, need: &RepositoryNeed) -> Result<(), AuthError> {
        let RepositoryNeed { repository, action, lenience, source } = need;
        if !caller.covers(repository, *action) {
            live(caller)?;
            return Err(AuthError::Scope);
        }
        self.admit_late(caller, repository, *lenience).await?;
        if *action == Action::Pull {
            return Ok(());
        }
        if caller.grantee() == Grantee::Nobody {
            return Err(refusal(caller));
        }
        let access = Access { repository: repository.clone(), grantee: caller.grantee() };
        if !self.store().allowed(&access, *action).await? {
            return Err(refusal(caller));
        }
        match source {
            Some(source) if !caller.covers(source, Action::Pull) => {
                // Who may read there is told to come with a token for both; who may not learns nothing, and uploads.
                let access = Access { repository: source.clone(), grantee: caller.grantee() };
                match self.store().allowed(&access, Action::Pull).await? {
                    true => Err(AuthError::Scope),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Lets the bearer of a token that ran out go on with what was begun before.
    async fn admit_late(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        lenience: Lenience,
    ) -> Result<(), AuthError> {
        if caller.expired().is_none() {
            return Ok(());
        }
        let subject = caller.subject();
        let begun = match lenience {
            _ if subject.is_empty() => false,
            Lenience::None => false,
            Lenience::Upload(id) => {
                self.store().open_upload(repository, id.0, subject).await?.is_some()
            }
            Lenience::AfterPush => {
                self.store().pushed_recently(repository, subject, AFTER_PUSH).await?
            }
        };
        if begun { Ok(()) } else { live(caller) }
    }
}

fn admit_catalog(caller: &Caller) -> Result<(), AuthError> {
    live(caller)?;
    match caller.covers_catalog() {
        _ if caller.grantee() == Grantee::Nobody && !caller.is_bearer() => Err(AuthError::Login),
        true => Ok(()),
        false => Err(AuthError::Scope),
    }
}

/// Refuses a token that ran out.
fn live(caller: &Caller) -> Result<(), AuthError> {
    match caller.expired() {
        None => Ok(()),
        Some(_) => Err(AuthError::Token("it ran out")),
    }
}

/// What a caller who may not is told: a token for more may help its bearer, and to log in whoever did not.
fn refusal(caller: &Caller) -> AuthError {
    match caller.grantee() {
        _ if caller.is_bearer() => AuthError::Scope,
        Grantee::Nobody => AuthError::Login,
        Grantee::Account(_) | Grantee::Everyone => AuthError::Denied,
    }
}

impl Permit {
    /// What the caller is told when the lookup finds that they may not after all.
    pub fn refusal(&self) -> AuthError {
        self.refusal.clone()
    }

    /// Permission to read `repository`.
    ///
    /// # Errors
    /// [`AuthError::Internal`] when the request was let through for something else, as with the others.
    pub fn pull(&self, repository: RepositoryName) -> Result<Authorized<Pull>, AuthError> {
        self.authorized(repository, Action::Pull)
    }

    /// Permission to add to `repository`.
    ///
    /// # Errors
    /// As [`Permit::pull`].
    pub fn push(&self, repository: RepositoryName) -> Result<Authorized<Push>, AuthError> {
        self.authorized(repository, Action::Push)
    }

    /// Permission to take away from `repository`.
    ///
    /// # Errors
    /// As [`Permit::pull`].
    pub fn delete(&self, repository: RepositoryName) -> Result<Authorized<Delete>, AuthError> {
        self.authorized(repository, Action::Delete)
    }

    /// Permission to add to `target` what may be read in the source, or anywhere when none is named.
    ///
    /// # Errors
    /// As [`Permit::pull`].
    pub fn mount(&self, target: RepositoryName) -> Result<Mounting, AuthError> {
        let source = match &self.need {
            Need::Repository(need) => need.source.clone(),
            _ => None,
        };
        Ok(Mounting::new(self.push(target)?, source))
    }

    /// Permission to see the names of the repositories that may be read.
    ///
    /// # Errors
    /// As [`Permit::pull`].
    pub fn list(&self) -> Result<Listing, AuthError> {
        match self.need {
            Need::Catalog => Ok(Listing::new(self.grantee)),
            _ => Err(misplaced()),
        }
    }

    fn authorized<A>(
        &self,
        repository: RepositoryName,
        action: Action,
    ) -> Result<Authorized<A>, AuthError> {
        match &self.need {
            Need::Repository(need) if need.repository == repository && need.action == action => {
                let access = Access { repository, grantee: self.grantee };
                Ok(Authorized::new(access, self.subject.clone()))
            }
            _ => Err(misplaced()),
        }
    }
}

fn misplaced() -> AuthError {
    AuthError::Internal("a handler asks for more than its request was let through for".to_owned())
}
