//! The list of a repository's tags.

use super::page::{Page, one_more};
use crate::registry::{Lists, RegistryError};
use crate::rights::Access;

impl Lists<'_> {
    /// At most `n` tags after `last`, in byte order.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryUnknown`] when nothing was ever pushed there.
    pub async fn tags(
        self,
        access: &Access,
        n: u32,
        last: Option<&str>,
    ) -> Result<Page<Vec<String>>, RegistryError> {
        let tags = self.0.store().tags().page(access, one_more(n), last).await?;
        Ok(Page::of_names(tags.ok_or(RegistryError::RepositoryUnknown)?, n))
    }
}
