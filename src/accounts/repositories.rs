//! Operations on repositories: listing, visibility and removal.

use serde::Serialize;

use super::{AccountsError, Timestamp};
use crate::oci::RepositoryName;
use crate::store::{RepositorySummary, Store};

/// A repository with its visibility and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct RepositoryInfo {
    pub name: String,
    pub visibility: Visibility,
    /// Number of tags.
    pub tags: u64,
    /// Bytes of its blobs and manifests. Each is counted once here, even if other repositories hold it too.
    pub size: u64,
    pub created_at: Timestamp,
}

/// The visibility of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everyone may pull, without a login.
    Public,
    /// Only accounts with a grant may pull.
    Private,
}

impl Visibility {
    /// The word that JSON and tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

impl From<RepositorySummary> for RepositoryInfo {
    fn from(repository: RepositorySummary) -> Self {
        Self {
            name: repository.name.to_string(),
            visibility: if repository.public { Visibility::Public } else { Visibility::Private },
            tags: repository.tags,
            size: repository.size,
            created_at: repository.created_at.into(),
        }
    }
}

/// Operations on repositories.
#[derive(Clone, Copy)]
pub struct Repositories<'a>(&'a Store);

impl<'a> Repositories<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self(store)
    }

    /// The repositories whose names begin with `prefix`, or all, in byte order. Reads everything that they hold.
    pub async fn list(self, prefix: Option<&str>) -> Result<Vec<RepositoryInfo>, AccountsError> {
        let found = self.0.repositories().list(prefix).await?;
        Ok(found.into_iter().map(RepositoryInfo::from).collect())
    }

    /// Makes a repository public or private. If it does not exist, it is created, so that the visibility applies from
    /// the first push.
    pub async fn set_visibility(
        self,
        name: &RepositoryName,
        visibility: Visibility,
    ) -> Result<(), AccountsError> {
        Ok(self.0.repositories().set_public(name, visibility == Visibility::Public).await?)
    }

    /// Removes a repository with its tags.
    ///
    /// # Errors
    /// [`AccountsError::NoRepository`].
    pub async fn remove(self, name: &RepositoryName) -> Result<(), AccountsError> {
        match self.0.repositories().remove(name).await? {
            true => Ok(()),
            false => Err(AccountsError::NoRepository(name.clone())),
        }
    }
}
