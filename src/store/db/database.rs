//! Sending single statements to PostgreSQL, and borrowing a connection for several.
//!
//! Every function here ends within [`CALL`](super::retry::CALL), so that no caller sets a time limit of its own.

use tokio_postgres::Row;

use super::connection::Param;
use super::gate::Gate;
use super::lease::Lease;
use super::pool::Pool;
use super::reads::Reads;
use super::retry::bounded;
use super::settings::Settings;
use super::statements::Query;
use crate::rights::{Access, Action};
use crate::store::error::StoreError;

/// All connections to the database.
#[derive(Debug)]
pub(crate) struct Database {
    pool: Pool,
    reads: Reads,
}

impl Database {
    /// Opens each connection when it is first needed.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { pool: Pool::new(settings), reads: Reads::new(settings) }
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.read(Query::DatabasePing, []).await?;
        Ok(())
    }

    /// The row of a point read, if there is one. The connection is shared, so the statement must be quick.
    pub(crate) async fn read<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<Option<Row>, StoreError> {
        bounded(self.reads.row(query, &params)).await
    }

    /// The row of a point read that checks with `gate` whether `access` allows `action`.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when it does not.
    pub(crate) async fn gated_read<const N: usize>(
        &self,
        query: Query,
        access: &Access,
        action: Action,
        own: [Param<'_>; N],
    ) -> Result<Row, StoreError> {
        let gate = Gate::new(access, action);
        let row = bounded(self.reads.row(query, &gate.params(own))).await?;
        Gate::check(row.as_ref())?;
        row.ok_or(StoreError::Denied)
    }

    /// The rows of a reading statement.
    pub(crate) async fn rows<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<Vec<Row>, StoreError> {
        bounded(self.pool.rows(query, &params)).await
    }

    /// The rows of a reading statement that checks with `gate` whether `access` allows `action`. At least one row.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when it does not.
    pub(crate) async fn gated_rows<const N: usize>(
        &self,
        query: Query,
        access: &Access,
        action: Action,
        own: [Param<'_>; N],
    ) -> Result<Vec<Row>, StoreError> {
        let gate = Gate::new(access, action);
        let rows = bounded(self.pool.rows(query, &gate.params(own))).await?;
        Gate::check(rows.first())?;
        Ok(rows)
    }

    /// How many rows a writing statement changed.
    pub(crate) async fn count<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<u64, StoreError> {
        bounded(self.pool.count(query, &params)).await
    }

    /// Borrows a connection for statements that belong together.
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        self.pool.lease().await
    }
}
