//! The state of the database as the metrics show it.

use super::db::row::unsigned;
use super::{Store, StoreError};
use crate::telemetry::metrics::DatabaseFigures;

/// Tables whose number of rows is published.
const TABLES: [&str; 5] = ["repositories", "blobs", "manifests", "tags", "uploads"];

impl Store {
    /// Size and state of the database. Numbers of rows are PostgreSQL's estimates.
    pub async fn measure(&self) -> Result<DatabaseFigures, StoreError> {
        let rows = self.0.measure().await?;
        let Some(row) = rows.first() else { return Ok(DatabaseFigures::default()) };
        let tables = TABLES.iter().map(|table| Ok((*table, unsigned(row, table)?)));
        Ok(DatabaseFigures {
            bytes: unsigned(row, "bytes")?,
            live_rows: unsigned(row, "live_rows")?,
            dead_rows: unsigned(row, "dead_rows")?,
            oldest_transaction: row.try_get("oldest_transaction")?,
            connections: unsigned(row, "connections")?,
            connection_limit: unsigned(row, "connection_limit")?,
            replicas: unsigned(row, "replicas")?,
            replication_lag: row.try_get("replication_lag")?,
            tables: tables.collect::<Result<_, StoreError>>()?,
        })
    }
}
