//! Questions about rights that no other statement answers on the way.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::Row;

use crate::oci::RepositoryName;
use crate::rights::{Access, Action, Grantee};
use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The rights of callers.
#[derive(Clone, Copy, Debug)]
pub struct AccessRights<'s>(pub(crate) &'s Database);

impl AccessRights<'_> {
    /// Whether `action` is allowed. An action that looks something up need not ask, because its own statement checks the
    /// right.
    pub async fn allowed(self, access: &Access, action: Action) -> Result<bool, StoreError> {
        match self.0.gated_read(Query::AccessAllowed, access, action, []).await {
            Ok(_) => Ok(true),
            Err(StoreError::Denied) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The actions that `grantee` may take in each of `repositories`, in their order.
    pub async fn granted(
        self,
        grantee: Grantee,
        repositories: &[RepositoryName],
    ) -> Result<Vec<BTreeSet<Action>>, StoreError> {
        let names: Vec<&str> = repositories.iter().map(RepositoryName::as_str).collect();
        let revision = grantee.revision();
        let rows = self.0.rows(Query::AccessGranted, [&names, &revision]).await?;
        rows.iter().map(actions).collect()
    }

    /// Whether `subject` has completed a blob in `repository` within the time `past`.
    pub async fn pushed_recently(
        self,
        repository: &RepositoryName,
        subject: &str,
        past: Duration,
    ) -> Result<bool, StoreError> {
        let (repository, seconds) = (repository.as_str(), past.as_secs_f64());
        let params = [&repository as _, &subject as _, &seconds as _];
        Ok(self.0.read(Query::AccessPushedRecently, params).await?.is_some())
    }
}

fn actions(row: &Row) -> Result<BTreeSet<Action>, StoreError> {
    let (everything, public): (bool, bool) = (row.try_get("everything")?, row.try_get("public")?);
    let roles: Option<Vec<String>> = row.try_get("roles")?;
    let roles = roles.unwrap_or_default();
    let holds = |action: Action| {
        let by_role = action.roles().iter().any(|role| roles.iter().any(|held| held == role));
        everything || by_role || (public && action == Action::Pull)
    };
    Ok(Action::ALL.into_iter().filter(|action| holds(*action)).collect())
}
