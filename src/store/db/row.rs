//! Conversions between columns and the types of this program.

use std::fmt::Display;
use std::str::FromStr;

use tokio_postgres::Row;

use crate::store::error::StoreError;

/// Reads a text column that holds the text form of a `T`.
pub(crate) fn parsed<T>(row: &Row, column: &str) -> Result<T, StoreError>
where
    T: FromStr<Err: Display>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| StoreError::Internal(format!("column {column}: {error}")))
}

/// Reads a size or an offset.
pub(crate) fn unsigned(row: &Row, column: &str) -> Result<u64, StoreError> {
    let number: i64 = row.try_get(column)?;
    number.try_into().map_err(|_| StoreError::Internal(format!("column {column} is {number}")))
}

/// Makes a size or an offset a parameter.
pub(crate) fn signed(number: u64) -> Result<i64, StoreError> {
    number
        .try_into()
        .map_err(|_| StoreError::Internal(format!("{number} is too large for PostgreSQL")))
}

/// The `last` parameter of a client in a form that PostgreSQL accepts: up to the first NUL. No name holds a NUL, so the
/// names after `a\0b` are those after `a`.
pub(crate) fn cursor(last: Option<&str>) -> &str {
    last.and_then(|last| last.split('\0').next()).unwrap_or_default()
}
