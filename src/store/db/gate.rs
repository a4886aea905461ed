//! The parameters and the answer of the SQL function `gate` (`sql/migrations/0003_access.sql`), which checks rights in
//! the statement that reads or writes.

use std::ops::Deref;

use tokio_postgres::Row;

use super::connection::Param;
use crate::rights::{Access, Action, Pattern};
use crate::store::error::StoreError;

/// Most parameters of a statement that asks `gate`.
const PARAMS: usize = 9;

/// Values for the parameters of `gate`.
pub(crate) struct Gate<'a> {
    repository: &'a str,
    revision: Option<i64>,
    patterns: Vec<String>,
    roles: &'static [&'static str],
}

impl<'a> Gate<'a> {
    pub(crate) fn new(access: &'a Access, action: Action) -> Self {
        Self {
            repository: access.repository.as_str(),
            revision: access.grantee.revision(),
            patterns: Pattern::covering(&access.repository),
            roles: action.roles(),
        }
    }

    /// All parameters of a statement in the order that such statements keep: the repository, the statement's own, and
    /// who asks.
    pub(crate) fn params<'p, const N: usize>(&'p self, own: [Param<'p>; N]) -> Params<'p> {
        const { assert!(N + 4 <= PARAMS) };
        let mut all: [Param<'p>; PARAMS] = [&self.repository; PARAMS];
        all[1..=N].copy_from_slice(&own);
        all[N + 1] = &self.revision;
        all[N + 2] = &self.patterns;
        all[N + 3] = &self.roles;
        Params { all, count: N + 4 }
    }

    /// Reads the column that `gate` adds to every row. No other column may be used before.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not do what was asked for.
    pub(crate) fn check(row: Option<&Row>) -> Result<(), StoreError> {
        let row = row.ok_or_else(|| StoreError::Internal("gate returned no row".to_owned()))?;
        if row.try_get("allowed")? { Ok(()) } else { Err(StoreError::Denied) }
    }
}

/// The parameters of one statement.
pub(crate) struct Params<'p> {
    all: [Param<'p>; PARAMS],
    count: usize,
}

impl<'p> Deref for Params<'p> {
    type Target = [Param<'p>];

    fn deref(&self) -> &[Param<'p>] {
        &self.all[..self.count]
    }
}
