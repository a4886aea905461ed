//! Who asks, as the rows know them, and which rights they hold.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::Row;

use crate::oci::RepositoryName;
use crate::rights::{Access, Action, Grantee, Pattern};
use crate::store::db::connection::Param;
use crate::store::db::retry::bounded;
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// The parameters of `gate`.
pub(crate) struct Asking<'a> {
    pub(crate) repository: &'a str,
    pub(crate) revision: Option<i64>,
    pub(crate) patterns: Vec<String>,
    pub(crate) roles: &'static [&'static str],
}

/// What `gate` is asked.
pub(crate) fn asking(access: &Access, action: Action) -> Asking<'_> {
    Asking {
        repository: access.repository.as_str(),
        revision: access.grantee.revision(),
        patterns: Pattern::covering(&access.repository),
        roles: action.roles(),
    }
}

/// Reads the gate's column: a row may be looked at only after this.
///
/// # Errors
/// [`StoreError::Denied`].
pub(crate) fn admitted(row: Option<&Row>) -> Result<&Row, StoreError> {
    let row = row.ok_or_else(|| StoreError::Internal("the gate gave no row".to_owned()))?;
    if row.try_get("allowed")? { Ok(row) } else { Err(StoreError::Denied) }
}

impl Store {
    /// Whether `action` is allowed. One point read; what has a lookup asks with that.
    ///
    /// # Errors
    /// [`StoreError`], never [`StoreError::Denied`].
    pub async fn allowed(&self, access: &Access, action: Action) -> Result<bool, StoreError> {
        let Asking { repository, revision, patterns, roles } = asking(access, action);
        let params: [Param<'_>; 4] = [&repository, &revision, &patterns, &roles];
        let row = bounded(self.reads().row(Query::AccessAllowed, params)).await?;
        match admitted(row.as_ref()) {
            Ok(_) => Ok(true),
            Err(StoreError::Denied) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What `grantee` may do in each of `repositories`, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn granted(
        &self,
        grantee: Grantee,
        repositories: &[RepositoryName],
    ) -> Result<Vec<BTreeSet<Action>>, StoreError> {
        let names: Vec<&str> = repositories.iter().map(RepositoryName::as_str).collect();
        let revision = grantee.revision();
        let rows = bounded(self.pool().rows(Query::AccessRoles, [&names, &revision])).await?;
        rows.iter().map(actions).collect()
    }

    /// Whether `subject` completed a blob in `repository` within `past`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pushed_recently(
        &self,
        repository: &RepositoryName,
        subject: &str,
        past: Duration,
    ) -> Result<bool, StoreError> {
        let (repository, seconds) = (repository.as_str(), past.as_secs_f64());
        let params: [Param<'_>; 3] = [&repository, &subject, &seconds];
        Ok(bounded(self.reads().row(Query::AccessRecentPush, params)).await?.is_some())
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
