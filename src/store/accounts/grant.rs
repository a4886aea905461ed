//! Grants: which role an account holds where.

use crate::rights::{Pattern, Role};
use crate::store::db::retry::bounded;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// A role of an account in all repositories that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who holds it.
    pub account: String,
    /// Where.
    pub pattern: Pattern,
    /// Which.
    pub role: Role,
}

/// How [`Store::grant`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// The account holds the role.
    Done,
    /// There is no such account.
    NoAccount,
    /// The account is a robot, and the pattern covers more than its namespace.
    OutsideNamespace,
}

impl Store {
    /// Gives an account a role. That it holds it already is no fault.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grant(
        &self,
        account: &str,
        pattern: &Pattern,
        role: Role,
    ) -> Result<Granted, StoreError> {
        let Some(found) = self.account(account).await? else { return Ok(Granted::NoAccount) };
        // The namespace is part of the name, so it is the same should the account be another one by now.
        if found.namespace.is_some_and(|namespace| !pattern.is_within(&namespace)) {
            return Ok(Granted::OutsideNamespace);
        }
        let (pattern, role) = (pattern.as_str(), role.as_str());
        match bounded(self.pool().count(Query::GrantAdd, [&account, &pattern, &role])).await? {
            0 => Ok(Granted::NoAccount),
            _ => Ok(Granted::Done),
        }
    }

    /// Takes a role, or all roles, on exactly this pattern from an account. Answers whether it held any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(
        &self,
        account: &str,
        pattern: &Pattern,
        role: Option<Role>,
    ) -> Result<bool, StoreError> {
        let (pattern, role) = (pattern.as_str(), role.map(Role::as_str));
        let remove = self.pool().count(Query::GrantRemove, [&account, &pattern, &role]);
        Ok(bounded(remove).await? > 0)
    }

    /// The grants of one account, or of all, by account, pattern and role.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grants(&self, account: Option<&str>) -> Result<Vec<Grant>, StoreError> {
        let rows = bounded(self.pool().rows(Query::GrantList, [&account])).await?;
        let grant = |row| {
            Ok(Grant {
                account: parsed(row, "account")?,
                pattern: parsed(row, "pattern")?,
                role: parsed(row, "role")?,
            })
        };
        rows.iter().map(grant).collect()
    }
}
