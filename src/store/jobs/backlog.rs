//! The number and the age of the items that wait for a job.

use std::time::Duration;

use tokio_postgres::Row;

use crate::store::db::row::unsigned;
use crate::store::error::StoreError;

/// Most items that are counted, so that a long queue does not make the count slow.
pub(in crate::store) const COUNTED: i64 = 100_000;

/// Items that wait for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Their number, at most 100 000.
    pub items: u64,
    /// Time that the oldest item has waited. `None` without items.
    pub oldest: Option<Duration>,
}

impl Backlog {
    /// Reads the one row of a statement that counts.
    pub(in crate::store) fn read(rows: &[Row]) -> Result<Self, StoreError> {
        let row = rows.first().ok_or_else(|| StoreError::Internal("no row with a count".into()))?;
        let oldest: Option<f64> = row.try_get("oldest")?;
        let oldest = oldest.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
        Ok(Self { items: unsigned(row, "items")?, oldest })
    }
}
