//! Metrics of the log and of the traces themselves.

use metrics::{Unit, counter, describe_counter};

const LOG_LOST: &str = "registry_log_lines_lost_total";
const SPANS_SENT: &str = "registry_trace_spans_sent_total";
const SPANS_LOST: &str = "registry_trace_spans_lost_total";

/// Why spans did not reach the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpansLost {
    /// Too many waited already.
    Queue,
    /// The collector could not be reached, or failed.
    Unsent,
    /// The collector refused them.
    Refused,
}

/// Counts lines of the log that could not be written: whoever reads stderr is too slow, or its disk is full.
pub fn log_lines_lost(lines: u64) {
    counter!(LOG_LOST).increment(lines);
}

/// Counts spans that the collector has taken.
pub fn spans_sent(spans: u64) {
    counter!(SPANS_SENT).increment(spans);
}

/// Counts spans that did not reach the collector.
pub fn spans_lost(why: SpansLost, spans: u64) {
    let reason = match why {
        SpansLost::Queue => "queue",
        SpansLost::Unsent => "unsent",
        SpansLost::Refused => "refused",
    };
    counter!(SPANS_LOST, "reason" => reason).increment(spans);
}

pub(super) fn describe() {
    describe_counter!(SPANS_SENT, Unit::Count, "Spans of traces that the collector has taken");
    describe_counter!(
        SPANS_LOST,
        Unit::Count,
        "Spans of traces that did not reach the collector, by reason: queue, unsent or refused"
    );
    describe_counter!(
        LOG_LOST,
        Unit::Count,
        "Lines of the log that were lost because whoever reads stderr was too slow or failed"
    );
    counter!(LOG_LOST).increment(0);
}
