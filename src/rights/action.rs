//! The actions that rights are about.

/// Something that a caller may do in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read blobs, manifests and tags.
    Pull,
    /// Add blobs, manifests and tags.
    Push,
    /// Delete blobs, manifests and tags.
    Delete,
}

impl Action {
    /// All actions, in the order in which scopes list them.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    /// The word that scopes and tokens use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    /// The roles that allow it, as the function `gate` of `sql/migrations/0003_access.sql` expects them. The role
    /// `public` is the one that everyone has in a public repository.
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["public", "pull", "push", "delete", "admin"],
            Self::Push => &["push", "admin"],
            Self::Delete => &["delete", "admin"],
        }
    }
}
