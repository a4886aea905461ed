//! The list of a repository's tags.

use super::catalog::cut_page;
use crate::registry::{Registry, RegistryError};
use crate::rights::Access;

impl Registry {
    /// At most `n` tags after `last`, in byte order, and whether more follow.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryUnknown`] when nothing was ever pushed there.
    pub async fn tags(
        &self,
        access: &Access,
        n: u32,
        last: Option<&str>,
    ) -> Result<(Vec<String>, bool), RegistryError> {
        let tags = self.store().tags(access, n.saturating_add(1), last).await?;
        Ok(cut_page(tags.ok_or(RegistryError::RepositoryUnknown)?, n))
    }
}
