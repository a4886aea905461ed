//! Metrics of the log and of the traces themselves.

use metrics::{Unit, counter, describe_counter};

const LOG_LOST: &str = "registry_log_lines_lost_total";

/// Counts a line of the log that found no place, because whoever reads stderr is too slow.
pub fn log_line_lost() {
    counter!(LOG_LOST).increment(1);
}

pub(super) fn describe() {
    describe_counter!(
        LOG_LOST,
        Unit::Count,
        "Lines of the log that were lost because whoever reads stderr was too slow"
    );
    counter!(LOG_LOST).increment(0);
}
