//! What may be done in a repository.

/// What may be done in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read.
    Pull,
    /// Add.
    Push,
    /// Take away.
    Delete,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    /// As scopes and tokens spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    /// The roles that allow it, as `gate` of `sql/migrations/0003_access.sql` takes them.
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["public", "pull", "push", "delete", "admin"],
            Self::Push => &["push", "admin"],
            Self::Delete => &["delete", "admin"],
        }
    }
}
