//! Metrics of the review, which removes what is needed no longer. Its runs and their durations are those of the job `review`.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const REVIEWED: &str = "registry_gc_reviewed_total";
const DELETES: &str = "registry_gc_deletes_total";
const DELETED_BYTES: &str = "registry_gc_deleted_bytes_total";
const POSTPONES: &str = "registry_gc_postpones_total";
const QUEUE_SIZE: &str = "registry_gc_queue_size";
const OVERDUE: &str = "registry_gc_queue_overdue";

/// Counts what one transaction of a review did.
pub fn reviewed(kind: &'static str, items: u64, removed: u64, bytes: u64) {
    counter!(REVIEWED, "kind" => kind).increment(items);
    counter!(DELETES, "kind" => kind).increment(removed);
    counter!(DELETED_BYTES, "kind" => kind).increment(bytes);
}

/// Counts items whose review waits; `reason` is `busy`, `policy` or `error`.
pub fn review_postponed(kind: &'static str, reason: &'static str, items: u64) {
    counter!(POSTPONES, "kind" => kind, "reason" => reason).increment(items);
}

/// Publishes how many items wait for a review, and how many of them are due.
pub fn review_queue(kind: &'static str, items: u64, due: u64) {
    gauge!(QUEUE_SIZE, "kind" => kind).set(items as f64);
    gauge!(OVERDUE, "kind" => kind).set(due as f64);
}

pub(super) fn describe() {
    describe_counter!(
        REVIEWED,
        Unit::Count,
        "Items of the review queue that were looked at, by kind: untagged, link, manifest or blob"
    );
    describe_counter!(DELETES, Unit::Count, "Items that a review removed, by kind");
    describe_counter!(
        DELETED_BYTES,
        Unit::Bytes,
        "Bytes of manifests and blobs that a review removed, by kind"
    );
    describe_counter!(
        POSTPONES,
        Unit::Count,
        "Items whose review waits, by kind and reason: busy, policy or error"
    );
    describe_gauge!(
        QUEUE_SIZE,
        Unit::Count,
        "Items in the review queue, by kind; at most 100000 are counted"
    );
    describe_gauge!(
        OVERDUE,
        Unit::Count,
        "Items whose review is due, by kind; at most 100000 are counted"
    );
}
