//! Metrics of what went wrong: by the code that a client gets, and by the cause of what is the server's own fault.

use metrics::{Unit, counter, describe_counter};

const ERRORS: &str = "registry_errors_total";
const FAILURES: &str = "registry_failures_total";

/// The cause of a failure that no request is to blame for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the values of the label")]
pub enum Cause {
    PostgresUnavailable,
    PostgresConflict,
    Postgres,
    KuboGone,
    KuboUnavailable,
    KuboMissing,
    KuboRefused,
    KuboBroken,
    Overloaded,
    Quarantined,
    Cut,
    Login,
    Other,
}

impl Cause {
    /// Its name in the metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::PostgresUnavailable => "postgres_unavailable",
            Self::PostgresConflict => "postgres_conflict",
            Self::Postgres => "postgres",
            Self::KuboGone => "kubo_gone",
            Self::KuboUnavailable => "kubo_unavailable",
            Self::KuboMissing => "kubo_missing",
            Self::KuboRefused => "kubo_refused",
            Self::KuboBroken => "kubo_broken",
            Self::Overloaded => "overloaded",
            Self::Quarantined => "quarantined",
            Self::Cut => "cut",
            Self::Login => "login",
            Self::Other => "other",
        }
    }
}

/// Counts an answer with an error. `code` is that of the distribution specification.
pub fn error_answered(code: &'static str) {
    counter!(ERRORS, "code" => code).increment(1);
}

/// Counts a failure of the server: an answer with a 5xx, or one that was cut.
pub fn failed(cause: Cause) {
    counter!(FAILURES, "cause" => cause.label()).increment(1);
}

/// Publishes zero for every cause, so that the first failure shows as a rise.
pub(super) fn publish_zero() {
    use Cause as C;
    let all = [
        C::PostgresUnavailable,
        C::PostgresConflict,
        C::Postgres,
        C::KuboGone,
        C::KuboUnavailable,
        C::KuboMissing,
        C::KuboRefused,
        C::KuboBroken,
        C::Overloaded,
        C::Quarantined,
        C::Cut,
        C::Login,
        C::Other,
    ];
    for cause in all {
        counter!(FAILURES, "cause" => cause.label()).increment(0);
    }
}

pub(super) fn describe() {
    describe_counter!(
        ERRORS,
        Unit::Count,
        "Answers with an error, by the code of the distribution specification that the client gets"
    );
    describe_counter!(
        FAILURES,
        Unit::Count,
        "Answers with a 5xx and answers that were cut, by cause; the log has each with its request_id"
    );
}
