//! Grants: the role of an account in the repositories of a pattern.

use crate::rights::{Pattern, Role};
use crate::store::accounts::account::Accounts;
use crate::store::db::database::Database;
use crate::store::db::row::parsed;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The grants of all accounts.
#[derive(Clone, Copy, Debug)]
pub struct Grants<'s>(pub(crate) &'s Database);

/// A role of an account in all repositories that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are their names")]
pub struct Grant {
    /// Name of the account.
    pub account: String,
    pub pattern: Pattern,
    pub role: Role,
}

/// Outcome of [`Grants::add`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// The account holds the role.
    Done,
    /// There is no such account.
    NoAccount,
    /// The account is a robot, and the pattern covers more than its namespace.
    OutsideNamespace,
}

impl Grants<'_> {
    /// Gives an account a role. Succeeds as well when the account holds the role already.
    pub async fn add(
        self,
        account: &str,
        pattern: &Pattern,
        role: Role,
    ) -> Result<Granted, StoreError> {
        let Some(found) = Accounts(self.0).get(account).await? else {
            return Ok(Granted::NoAccount);
        };
        // The namespace is part of the name, so it stays right even if another account has the name by now.
        if found.namespace.is_some_and(|namespace| !pattern.is_within(&namespace)) {
            return Ok(Granted::OutsideNamespace);
        }
        let (pattern, role) = (pattern.as_str(), role.as_str());
        match self.0.count(Query::GrantAdd, [&account, &pattern, &role]).await? {
            0 => Ok(Granted::NoAccount),
            _ => Ok(Granted::Done),
        }
    }

    /// Revokes one role, or all roles, that an account holds on exactly this pattern. Returns whether it held any.
    pub async fn remove(
        self,
        account: &str,
        pattern: &Pattern,
        role: Option<Role>,
    ) -> Result<bool, StoreError> {
        let (pattern, role) = (pattern.as_str(), role.map(Role::as_str));
        Ok(self.0.count(Query::GrantRemove, [&account, &pattern, &role]).await? > 0)
    }

    /// The grants of one account, or of all, sorted by account, pattern and role.
    pub async fn list(self, account: Option<&str>) -> Result<Vec<Grant>, StoreError> {
        let rows = self.0.rows(Query::GrantList, [&account]).await?;
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
