//! Permission as a value.

use std::marker::PhantomData;

use crate::oci::RepositoryName;

/// May read a repository.
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
    repository: RepositoryName,
    subject: String,
    action: PhantomData<A>,
}

impl<A> Authorized<A> {
    /// Where it holds.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Who holds it.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// Whoever sent a request.
#[derive(Clone, Debug)]
pub struct Caller {
    subject: String,
}

impl Caller {
    /// Somebody who did not say who they are.
    pub fn anonymous() -> Self {
        Self { subject: String::new() }
    }

    /// The name under which the caller's doings are noted; empty for nobody in particular.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Permission to read `repository`.
    pub fn may_pull(&self, repository: RepositoryName) -> Authorized<Pull> {
        self.authorized(repository)
    }

    /// Permission to add to `repository`.
    pub fn may_push(&self, repository: RepositoryName) -> Authorized<Push> {
        self.authorized(repository)
    }

    /// Permission to take away from `repository`.
    pub fn may_delete(&self, repository: RepositoryName) -> Authorized<Delete> {
        self.authorized(repository)
    }

    fn authorized<A>(&self, repository: RepositoryName) -> Authorized<A> {
        Authorized { repository, subject: self.subject.clone(), action: PhantomData }
    }
}
