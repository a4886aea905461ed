//! The pool of connections, for transactions and lists.

use std::sync::Arc;
use std::time::Duration;

use bb8::{PooledConnection, RunError};
use tokio::time::{Instant, timeout};
use tokio_postgres::Row;

use super::connection::Param;
use super::lease::Lease;
use super::opener::{Failures, Opener};
use super::retry::CALL;
use super::settings::Settings;
use super::statements::Query;
use crate::store::error::StoreError;
use crate::telemetry::metrics;

/// How long a caller waits for a connection.
const CHECKOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Pool {
    pool: bb8::Pool<Opener>,
    failures: Arc<Failures>,
}

impl Pool {
    /// Opens each connection when it is first needed.
    pub(super) fn new(settings: &Settings) -> Self {
        metrics::pool_size(settings.pool_size.max(1));
        let failures = Arc::new(Failures::default());
        let opener = Opener { settings: settings.clone(), failures: Arc::clone(&failures) };
        let pool = bb8::Pool::builder()
            .max_size(settings.pool_size.max(1))
            .test_on_check_out(false)
            .retry_connection(false)
            .connection_timeout(CHECKOUT)
            .queue_strategy(bb8::QueueStrategy::Lifo)
            .build_unchecked(opener);
        Self { pool, failures }
    }

    /// Borrows a connection. Connections that were lost while they were idle are thrown away.
    pub(super) async fn lease(&self) -> Result<Lease, StoreError> {
        let deadline = Instant::now() + CALL;
        let _waiting = metrics::pool_waiting();
        let leasing = timeout(CHECKOUT, async {
            loop {
                let connection = self.checkout().await?;
                if !connection.is_closed() {
                    return Ok(Lease::new(connection, deadline));
                }
            }
        });
        leasing.await.unwrap_or_else(|_| Err(self.late()))
    }

    /// The error after [`CHECKOUT`]: the pool is too small for the load, or no connection can be opened.
    fn late(&self) -> StoreError {
        let what = "waiting for a connection";
        if self.pool.state().connections == 0 {
            StoreError::unreached(what)
        } else {
            StoreError::timed_out(what)
        }
    }

    /// Waits for a connection. Fails at once when there is none and none can be opened.
    async fn checkout(&self) -> Result<PooledConnection<'static, Opener>, StoreError> {
        loop {
            let failure = self.failures.happened.notified();
            tokio::select! {
                biased;
                checked_out = self.pool.get_owned() => return checked_out.map_err(|error| match error {
                    RunError::User(error) => error,
                    RunError::TimedOut => self.late(),
                }),
                () = failure => if self.pool.state().connections == 0
                    && let Some(error) = self.failures.last()
                {
                    return Err(error);
                },
            }
        }
    }

    /// The rows of a statement that is a transaction of its own.
    pub(super) async fn rows(
        &self,
        query: Query,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let lease = self.lease().await?;
        lease.run(lease.rows(query, params)).await
    }

    /// How many rows a writing statement changed.
    pub(super) async fn count(
        &self,
        query: Query,
        params: &[Param<'_>],
    ) -> Result<u64, StoreError> {
        let lease = self.lease().await?;
        lease.run(lease.count(query, params)).await
    }
}
