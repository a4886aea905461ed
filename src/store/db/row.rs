//! Columns as the types of this program.

use std::fmt::Display;
use std::str::FromStr;

use tokio_postgres::Row;

use crate::store::error::StoreError;

/// A text column that this program wrote from a `T`.
pub(crate) fn parsed<T>(row: &Row, column: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: Display>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| StoreError::Internal(format!("column {column}: {error}")))
}

/// A size or an offset.
pub(crate) fn unsigned(row: &Row, column: &str) -> Result<u64, StoreError> {
    let number: i64 = row.try_get(column)?;
    number.try_into().map_err(|_| StoreError::Internal(format!("column {column} is {number}")))
}

/// A size or an offset, as a parameter.
pub(crate) fn signed(number: u64) -> Result<i64, StoreError> {
    number.try_into().map_err(|_| StoreError::Internal(format!("{number} is beyond PostgreSQL")))
}

/// The end of the page before, as a client sent it, in a form that PostgreSQL accepts. PostgreSQL takes no NUL. No name
/// holds one, so the names after `a\0b` are those after `a`.
pub(crate) fn cursor(last: Option<&str>) -> &str {
    last.and_then(|last| last.split('\0').next()).unwrap_or_default()
}
