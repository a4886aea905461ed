//! A connection of the pool, borrowed for one call.
//!
//! Statements that are polled in order are sent in order, without waiting for each other's answer. The functions here
//! use this to let `BEGIN`, statements and `COMMIT` share a round trip. The futures that they take must therefore
//! send all their statements at the first poll, and no statement may depend on the answer of another.

use std::ops::Deref;

use bb8::PooledConnection;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Error;

use super::connection::Connection;
use super::opener::Opener;
use crate::store::error::StoreError;
use crate::telemetry::metrics::{self, Raised};

/// A borrowed connection. It returns to the pool only after [`run`](Self::run), [`transaction`](Self::transaction),
/// [`commit`](Self::commit) or [`rollback`](Self::rollback) has succeeded. When it is dropped before, because of an
/// error or with the future that held it, the connection is closed, and PostgreSQL rolls an open transaction back.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: PooledConnection<'static, Opener>,
    /// End of the time that the call has.
    deadline: Instant,
    _in_use: Raised,
}

impl Lease {
    pub(super) fn new(connection: PooledConnection<'static, Opener>, deadline: Instant) -> Self {
        connection.set_busy(true);
        Self { connection, deadline, _in_use: metrics::pool_in_use() }
    }

    /// Runs statements, each as a transaction of its own.
    pub(crate) async fn run<T>(
        &self,
        statements: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        self.set_busy(true);
        let done = self.bounded(async { Ok(statements.await?) }).await?;
        self.set_busy(false);
        Ok(done)
    }

    /// Runs two statements as one transaction, in one round trip: one that locks and one that writes.
    pub(crate) async fn transaction<A, B>(
        &self,
        lock: impl Future<Output = Result<A, Error>>,
        write: impl Future<Output = Result<B, Error>>,
    ) -> Result<(A, B), StoreError> {
        let done = self
            .bounded(async {
                let (begun, locked, written, committed) = tokio::join!(
                    biased;
                    self.connection.begin(),
                    lock,
                    write,
                    self.connection.commit(),
                );
                begun.map_err(StoreError::before_commit)?;
                let locked = locked.map_err(StoreError::before_commit)?;
                let written = written.map_err(StoreError::before_commit)?;
                committed?;
                Ok((locked, written))
            })
            .await?;
        self.set_busy(false);
        Ok(done)
    }

    /// Begins a transaction, and runs its first statements in the same round trip. When it fails, nothing has changed.
    pub(crate) async fn begin<T>(
        &self,
        first: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let begun = self.bounded(async {
            let (begun, done) = tokio::join!(biased; self.connection.begin(), first);
            begun?;
            Ok(done?)
        });
        begun.await.map_err(StoreError::without_effect)
    }

    /// Runs more statements of a transaction. When it fails, nothing has changed.
    pub(crate) async fn within<T>(
        &self,
        statements: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let done = self.bounded(async { Ok(statements.await?) });
        done.await.map_err(StoreError::without_effect)
    }

    /// Runs the last statements of a transaction, and commits it in the same round trip.
    pub(crate) async fn commit<T>(
        &self,
        last: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let done = self
            .bounded(async {
                let (done, committed) = tokio::join!(biased; last, self.connection.commit());
                let done = done.map_err(StoreError::before_commit)?;
                committed?;
                Ok(done)
            })
            .await?;
        self.set_busy(false);
        Ok(done)
    }

    /// Undoes the transaction.
    pub(crate) async fn rollback(&self) -> Result<(), StoreError> {
        self.bounded(async { Ok(self.connection.rollback().await?) }).await?;
        self.set_busy(false);
        Ok(())
    }

    /// Gives the call no more time than it has left.
    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout_at(self.deadline, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::timed_out("the call")))
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}
