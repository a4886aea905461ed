//! The list of repositories.

use super::page::{Page, one_more};
use crate::registry::{Lists, RegistryError};
use crate::rights::Grantee;

impl Lists<'_> {
    /// At most `n` names of repositories that `grantee` may pull, after `last`, in byte order.
    pub async fn catalog(
        self,
        grantee: Grantee,
        n: u32,
        last: Option<&str>,
    ) -> Result<Page<Vec<String>>, RegistryError> {
        let names = self.0.store().repositories().page(grantee, one_more(n), last).await?;
        Ok(Page::of_names(names, n))
    }
}
