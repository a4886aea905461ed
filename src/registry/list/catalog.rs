//! The list of repositories.

use crate::registry::{Registry, RegistryError};
use crate::rights::Grantee;

impl Registry {
    /// At most `n` names of repositories that `grantee` may pull after `last`, in byte order, and whether more follow.
    ///
    /// # Errors
    /// Only those of the store.
    pub async fn catalog(
        &self,
        grantee: Grantee,
        n: u32,
        last: Option<&str>,
    ) -> Result<(Vec<String>, bool), RegistryError> {
        let names = self.store().catalog(grantee, n.saturating_add(1), last).await?;
        Ok(cut_page(names, n))
    }
}

/// Cuts one surplus row off a page: its presence says that more follow.
pub(super) fn cut_page<T>(mut rows: Vec<T>, n: u32) -> (Vec<T>, bool) {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    let more = rows.len() > n;
    rows.truncate(n);
    // A page of none has no last entry to go on from.
    (rows, more && n > 0)
}
