//! One connection and the statements prepared on it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Row, Socket};
use tracing::warn;

use super::settings::{CONNECT, Purpose, Settings};
use super::statements::{Query, Statements};
use crate::store::error::StoreError;
use crate::telemetry::metrics::postgres_call;
use crate::telemetry::with_causes;

/// How long a server is asked alone before the next one is asked as well.
const HEAD_START: Duration = Duration::from_millis(500);

/// A parameter of a statement.
pub(crate) type Param<'a> = &'a (dyn ToSql + Sync);

/// A client and the task that moves its bytes. Dropping it closes the socket, even if the server hangs.
pub(crate) struct Link {
    client: Client,
    task: AbortHandle,
}

impl Link {
    /// Opens a connection to the server that accepts writes. With several servers the next one is asked as soon as one
    /// has failed, and beside it when one does not answer at once.
    pub(crate) async fn open(settings: &Settings, purpose: Purpose) -> Result<Self, StoreError> {
        let mut servers = settings.each();
        if servers.len() == 1 {
            return Self::open_one(settings, purpose).await;
        }
        let (mut attempts, mut failures) = (JoinSet::new(), Vec::new());
        loop {
            if let Some((n, server)) = servers.next() {
                attempts.spawn(async move {
                    let opened = Self::open_one(&server, purpose).await;
                    opened.map(|link| (n, link)).map_err(|error| (server, error))
                });
            }
            let patience = if servers.len() == 0 { Duration::MAX } else { HEAD_START };
            match timeout(patience, attempts.join_next()).await {
                Err(_) | Ok(Some(Err(_))) => {}
                Ok(Some(Ok(Ok((n, link))))) => {
                    settings.others.used(n);
                    return Ok(link);
                }
                Ok(Some(Ok(Err((server, error))))) => failures.push((server.host, error)),
                Ok(None) => return Err(StoreError::unopened_anywhere(&failures)),
            }
        }
    }

    async fn open_one(settings: &Settings, purpose: Purpose) -> Result<Self, StoreError> {
        let mut config = settings.client(purpose);
        if let Some(negotiate) = settings.negotiate() {
            // The driver hands the bare socket over, and does not ask for TLS itself.
            config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
            return Self::connect(&config, negotiate).await;
        }
        match settings.tls.connector() {
            Some(rustls) => Self::connect(&config, rustls).await,
            None => Self::connect(&config, NoTls).await,
        }
    }

    async fn connect<T>(config: &Config, tls: T) -> Result<Self, StoreError>
    where
        T: MakeTlsConnect<Socket, Stream: Send + 'static, TlsConnect: Send>,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let connecting = timeout(CONNECT, config.connect(tls)).await;
        let (client, connection) = connecting
            .map_err(|_| StoreError::unreached("connecting"))?
            .map_err(|error| StoreError::unopened(&error))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                warn!(event = "postgres_connection_lost", error = with_causes(&error));
            }
        });
        Ok(Self { client, task: task.abort_handle() })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection on which every statement is prepared. A call sends its statement at the first poll, so calls may
/// overlap: PostgreSQL executes them in the order in which they were first polled, in one round trip.
pub(crate) struct Connection {
    link: Link,
    statements: Statements,
    /// Set while a call uses the connection. If it is still set when the connection returns to the pool, the call did
    /// not complete, and the connection must not be used again.
    busy: AtomicBool,
}

impl Connection {
    pub(crate) async fn open(settings: &Settings, purpose: Purpose) -> Result<Self, StoreError> {
        let link = Link::open(settings, purpose).await?;
        let statements = timeout(CONNECT, Statements::prepare(link.client()))
            .await
            .map_err(|_| StoreError::timed_out("preparing statements"))?
            .map_err(|error| StoreError::from(error).without_effect())?;
        Ok(Self { link, statements, busy: AtomicBool::new(false) })
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    pub(super) fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.link.client.is_closed()
    }

    /// All rows of a statement. All are held in memory, so the statement must limit their number.
    pub(crate) async fn rows(&self, query: Query, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let call = postgres_call(query.name());
        call.end(self.link.client.query(self.statements.get(query), params).await)
    }

    /// The only row of a statement, if there is one.
    pub(crate) async fn row(
        &self,
        query: Query,
        params: &[Param<'_>],
    ) -> Result<Option<Row>, Error> {
        let call = postgres_call(query.name());
        call.end(self.link.client.query_opt(self.statements.get(query), params).await)
    }

    /// How many rows a statement changed.
    pub(crate) async fn count(&self, query: Query, params: &[Param<'_>]) -> Result<u64, Error> {
        let call = postgres_call(query.name());
        call.end(self.link.client.execute(self.statements.get(query), params).await)
    }

    pub(crate) async fn begin(&self) -> Result<(), Error> {
        self.control("begin", "BEGIN").await
    }

    /// Ends the transaction. After a failed statement, `COMMIT` rolls back and still succeeds, so check the results of
    /// the statements first.
    pub(crate) async fn commit(&self) -> Result<(), Error> {
        self.control("commit", "COMMIT").await
    }

    pub(crate) async fn rollback(&self) -> Result<(), Error> {
        self.control("rollback", "ROLLBACK").await
    }

    async fn control(&self, name: &'static str, sql: &str) -> Result<(), Error> {
        let call = postgres_call(name);
        call.end(self.link.client.batch_execute(sql).await)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
