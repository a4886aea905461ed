//! The two connections that all point reads share. Their requests are pipelined, so a slow statement delays all that
//! come after it. Lists and cleanups use the pool instead.
//!
//! Opening a connection prepares all statements on it, which takes seconds on a busy machine. Meanwhile the other one has
//! all reads.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Error, Row};
use tracing::warn;

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
    slots: [Arc<Slot>; 2],
    next: AtomicUsize,
}

impl Reads {
    /// No connection is open yet. Each is opened by [`open`](Self::open), or else when it is first needed.
    pub(crate) fn new(settings: &Settings) -> Self {
        let settings = Arc::new(settings.clone());
        Self { slots: [(); 2].map(|()| Arc::new(Slot::new(&settings))), next: AtomicUsize::new(0) }
    }

    /// Opens the connections. One of them is enough to read.
    pub(crate) async fn open(&self) -> Result<(), StoreError> {
        let [one, other] = &self.slots;
        let (one, other) = tokio::join!(one.connection(), other.connection());
        one.or(other).map(drop)
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
        let connection = self.connection().await?;
        match timeout(READ, read(Arc::clone(&connection))).await {
            Ok(read) => {
                let read = read.map_err(StoreError::from);
                if read.as_ref().is_err_and(StoreError::spoils_connection) {
                    self.discard(&connection);
                }
                read
            }
            Err(_) => {
                self.discard(&connection);
                Err(StoreError::timed_out("a read"))
            }
        }
    }

    /// Each connection in turn. Waits only if none is open.
    async fn connection(&self) -> Result<Arc<Connection>, StoreError> {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        if let Some(connection) = slot.usable() {
            return Ok(connection);
        }
        match self.slots.iter().find_map(|slot| slot.usable()) {
            Some(other) => {
                slot.open_aside();
                Ok(other)
            }
            // Boxed, because every read has a place for it, and hardly any needs it.
            None => Box::pin(slot.connection()).await,
        }
    }

    fn discard(&self, connection: &Arc<Connection>) {
        self.slots.iter().for_each(|slot| slot.discard(connection));
    }
}

/// A place for one connection. The first call that finds it empty opens the connection.
struct Slot {
    settings: Arc<Settings>,
    current: RwLock<Option<Arc<Connection>>>,
    /// Locked while the connection is opened. Holds the last failure and its time.
    connecting: Mutex<Option<(Instant, StoreError)>>,
}

fn is_recent((at, _): &(Instant, StoreError)) -> bool {
    at.elapsed() < PAUSE
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
        if let Some(recent) = failure.as_ref().filter(|failure| is_recent(failure)) {
            return Err(recent.1.clone());
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

    /// Opens the connection without waiting for it, unless that is under way or has just failed.
    fn open_aside(self: &Arc<Self>) {
        let first = match self.connecting.try_lock() {
            Ok(failure) if failure.as_ref().is_some_and(is_recent) => return,
            Ok(failure) => failure.is_none(),
            Err(_) => return,
        };
        let slot = Arc::clone(self);
        tokio::spawn(async move {
            // No request fails by it, so that nothing else would say so.
            if let Err(error) = slot.connection().await
                && first
            {
                warn!(
                    event = "postgres_connection_missing", %error,
                    "one of the two connections for reads cannot be opened, and the other one has all reads; it is tried again: {error}"
                );
            }
        });
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
