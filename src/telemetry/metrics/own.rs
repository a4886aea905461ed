//! Metrics of the log and of the traces themselves.

use metrics::{Unit, counter, describe_counter};

const LOG_LOST: &str = "registry_log_lines_lost_total";

/// Counts lines of the log that could not be written: whoever reads stderr is too slow, or its disk is full.
pub fn log_lines_lost(lines: u64) {
    counter!(LOG_LOST).increment(lines);
}

pub(super) fn describe() {
    describe_counter!(
        LOG_LOST,
        Unit::Count,
        "Lines of the log that were lost because whoever reads stderr was too slow or failed"
    );
    counter!(LOG_LOST).increment(0);
}
