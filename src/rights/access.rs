//! A caller and a repository.

use super::Grantee;
use crate::oci::RepositoryName;

/// The question of rights: what may `grantee` do in `repository`?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct Access {
    pub repository: RepositoryName,
    pub grantee: Grantee,
}
