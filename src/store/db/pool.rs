//! The pool, for transactions and lists.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8::{ManageConnection, PooledConnection, RunError};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::store::StoreError;
use crate::store::db::connection::{Connection, Param};
use crate::store::db::settings::{Purpose, Settings};
use crate::store::db::statements::Query;
use crate::store::error::is_lost;

/// How long a caller waits for a connection.
const CHECKOUT: Duration = Duration::from_secs(2);

/// Why no connection could be opened, for those who wait for one.
#[derive(Debug, Default)]
struct Failures {
    happened: Notify,
    last: Mutex<String>,
}

#[derive(Debug)]
pub(crate) struct Manager {
    settings: Settings,
    failures: Arc<Failures>,
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = StoreError;

    async fn connect(&self) -> Result<Connection, StoreError> {
        let opened = Connection::open(&self.settings, Purpose::Write).await;
        if let Err(error) = &opened {
            let reason = match error {
                StoreError::Unavailable(reason) => reason.clone(),
                other => other.to_string(),
            };
            *self.failures.last.lock().unwrap_or_else(PoisonError::into_inner) = reason;
            self.failures.happened.notify_waiters();
        }
        opened
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), StoreError> {
        connection.row(Query::ServerPing, []).await?;
        Ok(())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.busy || connection.is_closed()
    }
}

/// Connections to borrow.
#[derive(Debug)]
pub(crate) struct Pool {
    pool: bb8::Pool<Manager>,
    failures: Arc<Failures>,
}

impl Pool {
    /// Opens connections when they are asked for.
    pub(crate) fn new(settings: &Settings) -> Self {
        let failures = Arc::new(Failures::default());
        let manager = Manager { settings: settings.clone(), failures: Arc::clone(&failures) };
        let pool = bb8::Pool::builder()
            .max_size(settings.pool_size.max(1))
            .test_on_check_out(false)
            .retry_connection(false)
            .connection_timeout(CHECKOUT)
            .queue_strategy(bb8::QueueStrategy::Lifo)
            .build_unchecked(manager);
        Self { pool, failures }
    }

    /// Borrows a connection. What has ended while it lay idle is thrown away on the way.
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        let leasing = timeout(CHECKOUT, async {
            loop {
                let mut connection = self.checkout().await?;
                if !connection.is_closed() {
                    connection.busy = true;
                    return Ok(Lease(connection));
                }
            }
        });
        leasing.await.unwrap_or_else(|_| Err(StoreError::timed_out("waiting for a connection")))
    }

    /// Waits for a connection, but not when there is none at all and none can be opened.
    async fn checkout(&self) -> Result<PooledConnection<'static, Manager>, StoreError> {
        loop {
            let failure = self.failures.happened.notified();
            tokio::select! {
                biased;
                checked_out = self.pool.get_owned() => return checked_out.map_err(|error| match error {
                    RunError::User(error) => error,
                    RunError::TimedOut => StoreError::timed_out("waiting for a connection"),
                }),
                () = failure => if self.pool.state().connections == 0 {
                    let last = self.failures.last.lock().unwrap_or_else(PoisonError::into_inner);
                    return Err(StoreError::Unavailable(last.clone()));
                },
            }
        }
    }

    /// The rows of one reading statement, asked once more when the connection was lost.
    pub(crate) async fn rows<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<Vec<Row>, StoreError> {
        let mut again = true;
        loop {
            let lease = self.lease().await?;
            match lease.rows(query, params).await {
                Ok(rows) => {
                    lease.release();
                    return Ok(rows);
                }
                Err(error) if again && is_lost(&error) => again = false,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How many rows one writing statement changed.
    pub(crate) async fn count<const N: usize>(
        &self,
        query: Query,
        params: [Param<'_>; N],
    ) -> Result<u64, StoreError> {
        let lease = self.lease().await?;
        let changed = lease.count(query, params).await?;
        lease.release();
        Ok(changed)
    }
}

/// A borrowed connection. It goes back to the pool only by [`Lease::release`]: dropped in any other way, by an error
/// or with the future that held it, it is closed, and with it whatever transaction was open.
#[derive(Debug)]
pub(crate) struct Lease(PooledConnection<'static, Manager>);

impl Lease {
    /// Gives the connection back: no transaction is open and no answer is missing.
    pub(crate) fn release(mut self) {
        self.0.busy = false;
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}
