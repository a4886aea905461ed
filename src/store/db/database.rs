//! Sending single statements to PostgreSQL, and borrowing a connection for several.
//!
//! Every function here ends within [`CALL`](super::retry::CALL), so that no caller sets a time limit of its own. While
//! PostgreSQL is gone, for a restart or a failover, they wait for it: what reads, what may run twice, and what has not
//! committed anything. A statement that writes is not sent again once it may have taken effect.

use std::sync::Arc;

use tokio_postgres::Row;

use super::connection::Param;
use super::gate::Gate;
use super::gathered::{Gathered, Lookup, SharedRow};
use super::lease::Lease;
use super::pool::Pool;
use super::reads::Reads;
use super::retry::{Again, Settled, bounded, persist, settle};
use super::settings::Settings;
use super::statements::Query;
use crate::outbound::Waiting;
use crate::rights::{Access, Action};
use crate::store::error::StoreError;

/// Most connections of background jobs.
const JOBS: u32 = 3;

/// All connections to the database.
#[derive(Debug)]
pub(crate) struct Database {
    pool: Pool,
    reads: Arc<Reads>,
    gathered: Arc<Gathered>,
    waiting: Waiting,
    /// The connections of background jobs; `None` in themselves.
    jobs: Option<Arc<Self>>,
}

impl Database {
    /// No connection is open yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        let (reads, waiting) = (Arc::new(Reads::new(settings)), Waiting::default());
        let gathered = Arc::new(Gathered::new(&reads));
        let few = Settings { pool_size: settings.pool_size.min(JOBS), ..settings.clone() };
        let jobs = Self {
            pool: Pool::new(&few),
            reads: Arc::clone(&reads),
            gathered: Arc::clone(&gathered),
            waiting: waiting.clone(),
            jobs: None,
        };
        Self { pool: Pool::new(settings), reads, gathered, waiting, jobs: Some(Arc::new(jobs)) }
    }

    /// The database over the connections of background jobs, which thereby wait for no request, nor requests for them.
    pub(crate) fn for_jobs(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self.jobs.as_ref().unwrap_or(self))
    }

    /// Opens the connections for reads, so that no request waits for that. The others are opened when they are first needed.
    pub(crate) async fn open(&self) -> Result<(), StoreError> {
        bounded(self.reads.open()).await
    }

    /// Checks that PostgreSQL answers, without waiting for one that is gone.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        bounded(self.reads.row(Query::DatabasePing, &[])).await?;
        Ok(())
    }

    /// The state of the database, in one row.
    pub(crate) async fn measure(&self) -> Result<Vec<Row>, StoreError> {
        self.rows(Query::DatabaseMeasure, []).await
    }

    /// The row of a point read, if there is one. The connection is shared, so the statement must be quick.
    pub(crate) async fn read<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<Option<Row>, StoreError> {
        persist(&self.waiting, Again::Always, || self.reads.row(query, &params)).await
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
        let params = gate.params(own);
        let row = persist(&self.waiting, Again::Always, || self.reads.row(query, &params)).await?;
        Gate::check(row.as_ref())?;
        row.ok_or(StoreError::Denied)
    }

    /// The row of a lookup, which goes out in one statement with those of others.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull.
    pub(crate) async fn gathered_read(&self, lookup: &Lookup) -> Result<SharedRow, StoreError> {
        let row = persist(&self.waiting, Again::Always, || self.gathered.row(lookup)).await?;
        Gate::check(Some(row.as_ref()))?;
        Ok(row)
    }

    /// The rows of a statement that reads, or that may run twice.
    pub(crate) async fn rows<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<Vec<Row>, StoreError> {
        persist(&self.waiting, Again::Always, || self.pool.rows(query, &params)).await
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
        let params = gate.params(own);
        let rows = persist(&self.waiting, Again::Always, || self.pool.rows(query, &params)).await?;
        Gate::check(rows.first())?;
        Ok(rows)
    }

    /// The rows that a writing statement returns. It is not sent again once it may have taken effect.
    pub(crate) async fn returning<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<Vec<Row>, StoreError> {
        persist(&self.waiting, Again::Unchanged, || self.pool.rows(query, &params)).await
    }

    /// How many rows a writing statement changed. It is not sent again once it may have taken effect.
    pub(crate) async fn count<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<u64, StoreError> {
        persist(&self.waiting, Again::Unchanged, || self.pool.count(query, &params)).await
    }

    /// Runs a transaction, and repeats it after a conflict, and while PostgreSQL is gone. It is not repeated once it may
    /// have taken effect.
    pub(crate) async fn retrying<T, F>(
        &self,
        transaction: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        persist(&self.waiting, Again::Conflicting, transaction).await
    }

    /// Runs a transaction as [`retrying`](Self::retrying) does, and repeats it also when it may have taken effect. Only for
    /// a transaction that has the same result when it runs twice.
    pub(crate) async fn repeating<T, F>(
        &self,
        transaction: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        persist(&self.waiting, Again::Always, transaction).await
    }

    /// Runs a transaction as [`repeating`](Self::repeating) does, and tells whether an attempt before the last one may have
    /// taken effect. For a transaction whose repetition shows what the first run has done: it removes a row by its key, or
    /// writes one under a key.
    pub(crate) async fn settling<T, F>(
        &self,
        transaction: impl FnMut() -> F,
    ) -> Result<Settled<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        settle(&self.waiting, Again::Always, transaction).await
    }

    /// Borrows a connection for statements that belong together, inside [`retrying`](Self::retrying),
    /// [`repeating`](Self::repeating) or [`settling`](Self::settling).
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        self.pool.lease().await
    }
}
