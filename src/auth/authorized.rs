//! Permissions as values, which only this room can create.

use std::marker::PhantomData;

use crate::oci::RepositoryName;
use crate::rights::{Access, Grantee};
use crate::store::MountSource;

/// The right to read a repository. The lookup of the content checks it in PostgreSQL.
#[derive(Clone, Copy, Debug)]
pub struct Pull;

/// The right to add to a repository, and to use the upload sessions that this caller opened there.
#[derive(Clone, Copy, Debug)]
pub struct Push;

/// The right to delete from a repository.
#[derive(Clone, Copy, Debug)]
pub struct Delete;

/// Permission for the action `A` in one repository.
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

    /// Repository for which the permission is valid.
    pub fn repository(&self) -> &RepositoryName {
        &self.access.repository
    }

    /// Name of the caller; empty for an anonymous one.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl Authorized<Pull> {
    /// The repository and the caller, for the lookup that checks the right.
    pub fn access(&self) -> &Access {
        &self.access
    }
}

/// Proof that a caller has logged in or has a token.
#[derive(Clone, Copy, Debug)]
pub struct LoggedIn(());

impl LoggedIn {
    pub(super) fn new() -> Self {
        Self(())
    }
}

/// Permission to mount a blob into a repository.
#[derive(Clone, Debug)]
pub struct Mounting {
    target: Authorized<Push>,
    source: MountSource,
}

impl Mounting {
    /// Without a source the blob is searched for in the repositories that the caller's token covers, if `covered` lists
    /// them, and otherwise wherever the caller may read.
    pub(super) fn new(
        target: Authorized<Push>,
        source: Option<RepositoryName>,
        covered: Option<Vec<RepositoryName>>,
    ) -> Self {
        let grantee = target.access.grantee;
        let source = match (source, covered) {
            (Some(repository), _) => MountSource::Repository(Access { repository, grantee }),
            (None, Some(covered)) => MountSource::Within(grantee, covered),
            (None, None) => MountSource::Any(grantee),
        };
        Self { target, source }
    }

    /// Permission to add to the repository that gets the blob.
    pub fn target(&self) -> &Authorized<Push> {
        &self.target
    }

    /// Repositories that may have the blob.
    pub fn source(&self) -> &MountSource {
        &self.source
    }
}

/// Permission to list the repositories that this caller may read.
#[derive(Clone, Copy, Debug)]
pub struct Listing(Grantee);

impl Listing {
    pub(super) fn new(grantee: Grantee) -> Self {
        Self(grantee)
    }

    /// The caller whose rights limit the list.
    pub fn grantee(self) -> Grantee {
        self.0
    }
}
