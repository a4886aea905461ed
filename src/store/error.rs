//! The error of the store, and how errors of PostgreSQL become one.

use std::error::Error;

use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::telemetry::with_causes;

/// Why the store could not do what it was asked for.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// PostgreSQL could not be reached, did not answer in time, is starting or stopping, or lacks a resource such as
    /// disk space. The call may or may not have taken effect. It may be retried later.
    #[error("PostgreSQL is not available: {0}")]
    Unavailable(String),
    /// The caller lacks the right. Does not tell whether the repository or its content exists.
    #[error("the caller is not allowed to do this")]
    Denied,
    /// Concurrent transactions conflicted, also when they were retried. The call took no effect and may be retried.
    #[error("the change conflicts with other changes at the same time: {0}")]
    Conflict(String),
    /// A newer program has changed the schema.
    #[error(
        "the database has schema version {found}, but this program knows versions up to {known} only: run the newer program, or restore a backup of the database from before the upgrade"
    )]
    NewerSchema {
        /// Newest version in the database.
        found: i32,
        /// Newest version that this program contains.
        known: i32,
    },
    /// The database was changed by another migration than the one that this program contains under the same number.
    #[allow(missing_docs, reason = "the fields are their names")]
    #[error(
        "migration {version:04}_{name} of this program differs from the one that was applied to the database: run the program that applied it, or a release that follows it"
    )]
    ChangedMigration { version: i32, name: &'static str },
    /// PostgreSQL rejected a migration. The database is as it was before.
    #[allow(missing_docs, reason = "the fields are their names")]
    #[error("migration {version:04}_{name} failed and changed nothing: {reason}")]
    FailedMigration { version: i32, name: &'static str, reason: String },
    /// A bug in this program, or rows that it did not write.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl StoreError {
    /// The error of a call that exceeded its time limit.
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

/// Whether the connection is lost, so that a read can be repeated on another one.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || is_shutdown(code),
        None => is_transport(error),
    }
}

/// Whether concurrent transactions conflicted: serialization failures and deadlocks. Violated unique and foreign keys
/// count too, because the statements here cause them only when others insert or delete the same rows meanwhile.
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

/// Whether a retry may succeed later: shutdown and time limits (class 57), connection exceptions (08), insufficient
/// resources such as a full disk or too many connections (53), and a server that has become a standby.
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

/// Whether the connection failed. `tokio_postgres` reports a closed connection by a function, and an error of the socket
/// only by the source of the error.
fn is_transport(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>())
}
