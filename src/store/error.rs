//! Why the store did not answer.

use std::error::Error;

use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::telemetry::with_causes;

/// The one error of this room.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// PostgreSQL could not be reached, did not answer in time, is starting or stopping, or is out of something. What
    /// was asked for may or may not have happened; asking again later is right.
    #[error("PostgreSQL is not available: {0}")]
    Unavailable(String),
    /// Whoever asks may not. Says nothing of whether there is anything.
    #[error("that is not allowed here")]
    Denied,
    /// Concurrent transactions got in each other's way, and kept doing so. Nothing happened; asking again is right.
    #[error("concurrent changes got in each other's way: {0}")]
    Conflict(String),
    /// A newer program has changed the schema.
    #[error(
        "the database has schema version {found} and this program knows versions up to {known}: run the newer program, or restore the database from before the upgrade"
    )]
    NewerSchema {
        /// The newest version in the database.
        found: i32,
        /// The newest version this program brings.
        known: i32,
    },
    /// A migration in the database is not the one this program brings under its number.
    #[error(
        "migration {version:04}_{name} in the database differs from the one in this program: the program was changed after it had run"
    )]
    ChangedMigration {
        /// Its number.
        version: i32,
        /// Its name in this program.
        name: &'static str,
    },
    /// A migration that PostgreSQL refused. It left nothing behind.
    #[error("migration {version:04}_{name} failed: {reason}")]
    FailedMigration {
        /// Its number.
        version: i32,
        /// Its name.
        name: &'static str,
        /// What PostgreSQL said.
        reason: String,
    },
    /// A mistake of this program, or rows that it did not write.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl StoreError {
    /// A function that took longer than it may.
    pub(super) fn timed_out(what: &str) -> Self {
        Self::Unavailable(format!("{what} took too long"))
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let text = with_causes(&error);
        match error.code() {
            Some(code) if is_conflict(code) => Self::Conflict(text),
            Some(code) if is_temporary(code) => Self::Unavailable(text),
            Some(_) => Self::Internal(text),
            None if is_transport(&error) => Self::Unavailable(text),
            None => Self::Internal(text),
        }
    }
}

/// Whether the connection is gone: the same question may be asked again on another one.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || is_shutdown(code),
        None => is_transport(error),
    }
}

/// Serialization failure, deadlock, and what a concurrent insert or delete of the same rows does to a statement that
/// was written for either order.
fn is_conflict(code: &SqlState) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
        SqlState::FOREIGN_KEY_VIOLATION,
    ]
    .contains(code)
}

fn is_shutdown(code: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]
        .contains(code)
}

/// Shutdown, connection exceptions (08), insufficient resources (53: disk full, too many connections), time-outs, and
/// a server that became a standby.
fn is_temporary(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    matches!(class, "08" | "53" | "57")
        || [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}

/// Closed, or an error of the socket below. `tokio_postgres` tells the first apart by a function, the second by its
/// source only.
fn is_transport(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>())
}
