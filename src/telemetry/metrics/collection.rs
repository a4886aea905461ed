//! The garbage collection of Kubo.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

const LOST_PINS: &str = "registry_lost_pins_total";
const LAST_LOST_PINS: &str = "registry_lost_pins";
const REMOVED: &str = "registry_collected_blocks_total";
pub(super) const WAITED: &str = "registry_collection_wait_seconds";

pub(super) fn describe() {
    describe_counter!(
        LOST_PINS,
        Unit::Count,
        "Pins that Kubo had lost and that were set again, or could not be because the content was lost as well."
    );
    describe_gauge!(LAST_LOST_PINS, Unit::Count, "Lost pins that the last comparison found.");
    describe_counter!(REMOVED, Unit::Count, "Blocks that were removed from Kubo.");
    describe_histogram!(
        WAITED,
        Unit::Seconds,
        "Time for which pushes had to wait while blocks were removed."
    );
    // The first lost pin should show as a rise.
    counter!(LOST_PINS).increment(0);
}

/// Counts the lost pins that a comparison of pins with rows found.
#[allow(clippy::cast_precision_loss, reason = "a gauge")]
pub fn pins_compared(lost: u64) {
    counter!(LOST_PINS).increment(lost);
    gauge!(LAST_LOST_PINS).set(lost as f64);
}

/// Counts blocks that were removed while pushes waited for this time.
pub fn collected(removed: u64, waited: Duration) {
    counter!(REMOVED).increment(removed);
    histogram!(WAITED).record(waited);
}
