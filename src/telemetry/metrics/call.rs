//! Metrics of calls to PostgreSQL and Kubo, by name.

use std::time::Instant;

use metrics::{Histogram, Unit, describe_histogram, histogram};

use super::known::Known;
use crate::telemetry::trace::{self, Span, Work};

const KUBO_CALLS: &str = "registry_kubo_call_duration_seconds";
const POSTGRES_CALLS: &str = "registry_postgres_call_duration_seconds";

/// A call to PostgreSQL or Kubo, which is a span of its request too. Its outcome is `ok` or `error` by [`Call::end`], and
/// `dropped` without it.
#[derive(Debug)]
pub struct Call {
    metric: &'static str,
    name: &'static str,
    began: Instant,
    outcome: &'static str,
    span: Span,
}

impl Call {
    fn begin(metric: &'static str, name: &'static str, work: Work) -> Self {
        let (began, span) = (Instant::now(), Span::begin(work));
        Self { metric, name, began, outcome: "dropped", span }
    }

    /// The span that work inside the call belongs to.
    pub fn context(&self) -> Option<trace::Context> {
        self.span.context()
    }

    /// Does the work of the call, and notes its outcome.
    pub async fn run<T, E>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let result = trace::within(self.context(), work).await;
        self.end(result)
    }

    /// Notes the outcome and returns the result.
    pub fn end<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.outcome = if result.is_ok() { "ok" } else { "error" };
        result
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        static DURATIONS: Known<(&str, &str, &str), Histogram> = Known::new();
        let Self { metric, name, outcome, .. } = *self;
        let find = || histogram!(metric, "call" => name, "outcome" => outcome);
        let took = self.began.elapsed();
        DURATIONS.record((metric, name, outcome), find, |histogram| histogram.record(took));
        self.span.ended(self.outcome);
    }
}

/// Times a call to Kubo. `name` is the name of the RPC, such as `block/put`, or `gateway`.
pub fn kubo_call(name: &'static str) -> Call {
    Call::begin(KUBO_CALLS, name, Work::Kubo(name))
}

/// Times a statement. `name` is its file below `sql/queries`, such as `blob/get`.
pub fn postgres_call(name: &'static str) -> Call {
    Call::begin(POSTGRES_CALLS, name, Work::Statement(name))
}

pub(super) fn describe() {
    describe_histogram!(
        KUBO_CALLS,
        Unit::Seconds,
        "Duration of calls to Kubo, by call and outcome"
    );
    describe_histogram!(
        POSTGRES_CALLS,
        Unit::Seconds,
        "Duration of calls to PostgreSQL, by statement and outcome"
    );
}
