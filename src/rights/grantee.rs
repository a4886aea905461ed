//! The holder of rights.

/// The caller, as far as rights are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grantee {
    /// Any caller of a server that asks for no login. May do everything.
    Everyone,
    /// An anonymous caller of a server that asks for a login. May pull from public repositories.
    Anonymous,
    /// A user or robot. The number is `accounts.revision`: it changes whenever tokens issued before must end, so a
    /// right belongs to one state of the credentials.
    Account(i64),
}

impl Grantee {
    /// The parameter of `gate` (`sql/migrations/0003_access.sql`). Revision 0 may do everything, and belongs to no
    /// account.
    pub fn revision(self) -> Option<i64> {
        match self {
            Self::Everyone => Some(0),
            Self::Anonymous => None,
            Self::Account(revision) => Some(revision),
        }
    }
}
