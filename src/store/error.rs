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
    Unavailable(Outage),
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

/// Why PostgreSQL is not available, and whether waiting for it can help.
#[derive(Clone, Debug, Error)]
#[error("{reason}")]
pub struct Outage {
    reason: String,
    effect: Effect,
}

/// What a call may have done before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Nothing, because PostgreSQL is gone or the connection is of no use any more. Any call may be repeated.
    None,
    /// Everything or nothing, because the connection was lost. A call that may run twice may be repeated.
    Unknown,
    /// PostgreSQL is there and refuses or is slow, so waiting for it does not help.
    Answered,
}

impl Outage {
    /// Whether the call may be repeated. `twice` tells whether it may take effect twice.
    pub(super) fn permits_repetition(&self, twice: bool) -> bool {
        match self.effect {
            Effect::None => true,
            Effect::Unknown => twice,
            Effect::Answered => false,
        }
    }

    /// Whether the call may have taken effect.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.effect == Effect::Unknown
    }
}

impl StoreError {
    /// The error of a call that exceeded its time limit.
    pub(super) fn timed_out(what: &str) -> Self {
        Self::outage(format!("{what} took too long"), Effect::Answered)
    }

    /// The error of a call for which no connection could be opened in time.
    pub(super) fn unreached(what: &str) -> Self {
        Self::outage(format!("{what} took too long"), Effect::None)
    }

    /// The error of a connection that could not be opened.
    pub(super) fn unopened(error: &tokio_postgres::Error) -> Self {
        let effect = if is_lost(error) { Effect::None } else { Effect::Answered };
        Self::outage(with_causes(error), effect)
    }

    /// The error of a connection that no server opened. Waiting can help if it can help with one of them.
    pub(super) fn unopened_anywhere(failures: &[(String, Self)]) -> Self {
        let gone = failures.iter().any(|(_, error)| error.spoils_connection());
        let reasons: Vec<String> =
            failures.iter().map(|(host, error)| format!("{host}: {error}")).collect();
        Self::outage(reasons.join("; "), if gone { Effect::None } else { Effect::Answered })
    }

    /// The error of a statement that was sent before `COMMIT`. If PostgreSQL answered it with an error, it did not execute
    /// the `COMMIT` that followed.
    pub(super) fn before_commit(error: tokio_postgres::Error) -> Self {
        let answered = error.code().is_some();
        let error = Self::from(error);
        if answered { error.without_effect() } else { error }
    }

    /// Notes that a call which lost its connection has changed nothing, since it committed nothing.
    pub(super) fn without_effect(self) -> Self {
        match self {
            Self::Unavailable(Outage { reason, effect: Effect::Unknown }) => {
                Self::outage(reason, Effect::None)
            }
            other => other,
        }
    }

    /// Whether the connection on which the call failed must not be used again.
    pub(super) fn spoils_connection(&self) -> bool {
        matches!(self, Self::Unavailable(outage) if outage.effect != Effect::Answered)
    }

    fn outage(reason: String, effect: Effect) -> Self {
        Self::Unavailable(Outage { reason, effect })
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let text = with_causes(&error);
        match error.code() {
            Some(code) if is_conflict(code) => Self::Conflict(text),
            _ if is_lost(&error) => Self::outage(text, Effect::Unknown),
            Some(code) if is_of_connection(code, &text) => Self::outage(text, Effect::None),
            Some(code) if is_temporary(code) => Self::outage(text, Effect::Answered),
            Some(_) | None => Self::Internal(text),
        }
    }
}

/// Whether the connection is lost or the server is stopping or starting.
fn is_lost(error: &tokio_postgres::Error) -> bool {
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
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_SESSION_TIMEOUT,
    ]
    .contains(code)
}

/// Whether the statement failed because of the connection and would succeed on a new one: a migration changed its columns,
/// its preparation was forgotten, an earlier caller left a failed transaction open, or the server has become a standby. It
/// has changed nothing.
fn is_of_connection(code: &SqlState, text: &str) -> bool {
    [
        SqlState::INVALID_SQL_STATEMENT_NAME,
        SqlState::IN_FAILED_SQL_TRANSACTION,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ]
    .contains(code)
        || (*code == SqlState::FEATURE_NOT_SUPPORTED && text.contains("cached plan"))
}

/// Whether a retry may succeed later: time limits (class 57), and insufficient resources such as a full disk or too many
/// connections (53).
fn is_temporary(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    matches!(class, "53" | "57")
        || [SqlState::LOCK_NOT_AVAILABLE, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT]
            .contains(code)
}

/// Whether the connection failed. `tokio_postgres` reports a closed connection by a function, and an error of the socket
/// only by the source of the error.
fn is_transport(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>())
}
