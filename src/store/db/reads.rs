//! The two connections that all point reads share. Their requests are pipelined, so a slow statement delays all that
//! come after it. Lists and cleanups use the pool instead.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Error, Row};

use super::connection::{Connection, Param};
use super::settings::{Purpose, Settings};
use super::statements::Query;
use crate::store::error::StoreError;

/// How long a read may take; a little longer than the limit that the server has. After a longer read the connection is
/// closed, because whatever delays the read delays all others on the connection.
const READ: Duration = Duration::from_millis(2500);

/// How long calls fail at once after a failure to connect, before the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Reads {
    slots: [Slot; 2],
    next: AtomicUsize,
}

impl Reads {
    /// Opens each connection when it is first needed.
    pub(crate) fn new(settings: &Settings) -> Self {
        let settings = Arc::new(settings.clone());
        Self { slots: [(); 2].map(|()| Slot::new(&settings)), next: AtomicUsize::new(0) }
    }

    /// The row of a reading statement, if there is one.
    pub(crate) async fn row(
        &self,
        query: Query,
        params: &[Param<'_>],
    ) -> Result<Option<Row>, StoreError> {
        self.read(|connection| async move { connection.row(query, params).await }).await
    }

    /// The rows of a reading statement, which are few.
    pub(crate) async fn rows(
        &self,
        query: Query,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.read(|connection| async move { connection.rows(query, params).await }).await
    }

    /// Reads from one of the connections.
    async fn read<T, F>(&self, read: impl FnOnce(Arc<Connection>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        let connection = slot.connection().await?;
        match timeout(READ, read(Arc::clone(&connection))).await {
            Ok(read) => {
                let read = read.map_err(StoreError::from);
                if read.as_ref().is_err_and(StoreError::spoils_connection) {
                    slot.discard(&connection);
                }
                read
            }
            Err(_) => {
                slot.discard(&connection);
                Err(StoreError::timed_out("a read"))
            }
        }
    }
}

/// A place for one connection. The first call that finds it empty opens the connection.
struct Slot {
    settings: Arc<Settings>,
    current: RwLock<Option<Arc<Connection>>>,
    /// Locked while a call opens the connection. Holds the last failure and its time.
    connecting: Mutex<Option<(Instant, StoreError)>>,
}

impl Slot {
    fn new(settings: &Arc<Settings>) -> Self {
        Self {
            settings: Arc::clone(settings),
            current: RwLock::new(None),
            connecting: Mutex::new(None),
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>, StoreError> {
        if let Some(connection) = self.usable() {
            return Ok(connection);
        }
        let mut failure = self.connecting.lock().await;
        if let Some(connection) = self.usable() {
            return Ok(connection);
        }
        if let Some((at, error)) = &*failure
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match Connection::open(&self.settings, Purpose::Read).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *failure = None;
                *self.current.write().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                *failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn usable(&self) -> Option<Arc<Connection>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().filter(|connection| !connection.is_closed()).cloned()
    }

    /// Removes a failed connection, unless another call has removed or replaced it already.
    fn discard(&self, connection: &Arc<Connection>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *current = None;
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("connected", &self.usable().is_some()).finish_non_exhaustive()
    }
}
