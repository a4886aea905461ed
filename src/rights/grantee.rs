//! Who asks, as far as rights go.

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grantee {
    /// Whoever it is: this server asks for no login.
    Everyone,
    /// Somebody who did not say who they are: may pull what is public.
    Nobody,
    /// The holder of this state of an account's credentials (`accounts.revision`).
    Account(i64),
}

impl Grantee {
    /// As `gate` takes it.
    pub fn revision(self) -> Option<i64> {
        match self {
            Self::Everyone => Some(0),
            Self::Nobody => None,
            Self::Account(revision) => Some(revision),
        }
    }
}
