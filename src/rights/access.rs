//! One caller and one repository.

use super::Grantee;
use crate::oci::RepositoryName;

/// A repository, and who asks for something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where.
    pub repository: RepositoryName,
    /// Who.
    pub grantee: Grantee,
}
