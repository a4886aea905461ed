//! Permission as a value.

use std::marker::PhantomData;

use crate::oci::RepositoryName;
use crate::rights::{Access, Grantee};
use crate::store::MountSource;

/// May read a repository, if the rows say so at the moment of the read: it goes with the lookup.
#[derive(Clone, Copy, Debug)]
pub struct Pull;

/// May add to a repository, and use the upload sessions that this caller opened there.
#[derive(Clone, Copy, Debug)]
pub struct Push;

/// May take away from a repository.
#[derive(Clone, Copy, Debug)]
pub struct Delete;

/// Permission to do `A` in one repository.
#[derive(Clone, Debug)]
pub struct Authorized<A> {
    access: Access,
    subject: String,
    action: PhantomData<A>,
}

impl<A> Authorized<A> {
    pub(super) fn new(access: Access, subject: String) -> Self {
        Self { access, subject, action: PhantomData }
    }

    /// Where it holds.
    pub fn repository(&self) -> &RepositoryName {
        &self.access.repository
    }

    /// Who holds it.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl Authorized<Pull> {
    /// What a lookup needs to know of who asks.
    pub fn access(&self) -> &Access {
        &self.access
    }
}

/// Proof that a caller has logged in, or brought a token.
#[derive(Clone, Copy, Debug)]
pub struct LoggedIn(());

impl LoggedIn {
    pub(super) fn new() -> Self {
        Self(())
    }
}

/// Permission to link a blob into a repository, out of what this caller may read.
#[derive(Clone, Debug)]
pub struct Mounting {
    target: Authorized<Push>,
    source: MountSource,
}

impl Mounting {
    pub(super) fn new(target: Authorized<Push>, source: Option<RepositoryName>) -> Self {
        let grantee = target.access.grantee;
        let source = match source {
            Some(repository) => MountSource::Repository(Access { repository, grantee }),
            None => MountSource::Any(grantee),
        };
        Self { target, source }
    }

    /// Into where.
    pub fn target(&self) -> &Authorized<Push> {
        &self.target
    }

    /// Out of where.
    pub fn source(&self) -> &MountSource {
        &self.source
    }
}

/// Permission to see the names of the repositories that this caller may read.
#[derive(Clone, Copy, Debug)]
pub struct Listing(Grantee);

impl Listing {
    pub(super) fn new(grantee: Grantee) -> Self {
        Self(grantee)
    }

    /// Who asks.
    pub fn grantee(self) -> Grantee {
        self.0
    }
}
