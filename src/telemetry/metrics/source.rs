//! Where the bytes of blobs come from.

use metrics::{Unit, counter, describe_counter};

const READS: &str = "registry_origin_reads_total";
const MISSES: &str = "registry_local_block_misses_total";
const RESUMED: &str = "registry_reads_resumed_total";
const SOURCES: [&str; 3] = ["local", "gateway", "cat"];
const REASONS: [&str; 5] = ["missing", "denied", "odd", "io", "damaged"];

/// Publishes zero for each kind, so that the first event shows as a rise.
pub(super) fn publish_zero() {
    for source in SOURCES {
        counter!(READS, "source" => source).increment(0);
    }
    for reason in REASONS {
        counter!(MISSES, "reason" => reason).increment(0);
    }
}

pub(super) fn describe() {
    describe_counter!(
        READS,
        Unit::Count,
        "Blobs, or ranges of blobs, opened where they are stored, by source: local (files of Kubo's repository), gateway or cat"
    );
    describe_counter!(
        MISSES,
        Unit::Count,
        "Reads from the files of Kubo's repository that ended early, by reason: missing, denied, odd, io or damaged. All but damaged went on through Kubo"
    );
    describe_counter!(
        RESUMED,
        Unit::Count,
        "Reads of files that went on after the connection to Kubo broke"
    );
}

/// Counts a blob or a range of one that was opened. `source` is `local`, `gateway` or `cat`.
pub fn origin_read(source: &'static str) {
    counter!(READS, "source" => source).increment(1);
}

/// Counts a block that was not read from its file.
pub fn local_block_missed(reason: &'static str) {
    counter!(MISSES, "reason" => reason).increment(1);
}

/// Counts a read that goes on after its connection to Kubo broke.
pub fn read_resumed() {
    counter!(RESUMED).increment(1);
}
