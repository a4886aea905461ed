//! Metrics of pushes and pulls as their clients feel them: how long a whole transfer takes, when its first byte comes, and
//! how fast it is.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::telemetry::recent;

const TRANSFERS: &str = "registry_transfers_total";
pub(super) const DURATION: &str = "registry_transfer_duration_seconds";
pub(super) const FIRST_BYTE: &str = "registry_pull_first_byte_seconds";
pub(super) const BLOB_PUSH: &str = "registry_blob_push_seconds";
pub(super) const RATE: &str = "registry_transfer_rate_bytes_per_second";

/// Upper bounds of the histograms of transfers, in seconds: sixteen for each power of ten, so that a percentile read from
/// them is within a tenth of the true one, from a manifest in the cache to a large layer over a thin link.
pub(super) const TRANSFER_BUCKETS: [f64; 87] = [
    0.0005, 0.00065, 0.0008, 0.001, 0.00115, 0.00133, 0.00154, 0.00178, 0.00205, 0.00237, 0.00274,
    0.00316, 0.00365, 0.00422, 0.00487, 0.00562, 0.00649, 0.0075, 0.00866, 0.01, 0.0115, 0.0133,
    0.0154, 0.0178, 0.0205, 0.0237, 0.0274, 0.0316, 0.0365, 0.0422, 0.0487, 0.0562, 0.0649, 0.075,
    0.0866, 0.1, 0.115, 0.133, 0.154, 0.178, 0.205, 0.237, 0.274, 0.316, 0.365, 0.422, 0.487,
    0.562, 0.649, 0.75, 0.866, 1.0, 1.15, 1.33, 1.54, 1.78, 2.05, 2.37, 2.74, 3.16, 3.65, 4.22,
    4.87, 5.62, 6.49, 7.5, 8.66, 10.0, 11.5, 13.3, 15.4, 17.8, 20.5, 23.7, 27.4, 31.6, 36.5, 42.2,
    48.7, 56.2, 64.9, 75.0, 86.6, 100.0, 180.0, 320.0, 600.0,
];

/// Upper bounds of the histogram of rates: powers of four from 64 KiB to 4 GiB a second.
pub(super) const RATE_BUCKETS: [f64; 9] = [
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
];

/// Least bytes of a transfer whose rate says something about the way rather than about the start.
const RATED: u64 = 1 << 20;

/// The way that content goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the registry to a client.
    Pull,
    /// From a client to the registry.
    Push,
}

/// What a request transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A blob. A push of one ends with it.
    Blob,
    /// A part of a blob: one PATCH of an upload.
    Chunk,
    /// A manifest or an index.
    Manifest,
}

/// The transfer that a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are their types")]
pub struct Transfer {
    pub direction: Direction,
    pub content: Content,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEnd {
    /// The client has what it asked for, or the registry has what the client sent.
    Ok,
    /// The request was answered with a 4xx.
    Refused,
    /// The request was answered with a 5xx.
    Failed,
    /// The registry cut the answer, because the rest could not be read or was wrong.
    Cut,
    /// The client closed the connection before the end.
    Dropped,
}

impl Direction {
    /// The value of the label `direction`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}

impl Content {
    fn label(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Chunk => "chunk",
            Self::Manifest => "manifest",
        }
    }
}

impl TransferEnd {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::Dropped => "dropped",
        }
    }
}

impl Transfer {
    /// Notes that the first byte of a pull was sent this long after the head of its request came.
    pub fn first_byte(self, after: Duration) {
        if self.direction == Direction::Pull {
            histogram!(FIRST_BYTE, "content" => self.content.label()).record(after);
        }
    }

    /// Notes the end of a request. `sent` is the number of bytes in the body of its answer.
    pub fn ended(self, end: TransferEnd, took: Duration, sent: u64) {
        let (direction, content) = (self.direction.label(), self.content.label());
        counter!(TRANSFERS, "direction" => direction, "content" => content, "outcome" => end.label())
            .increment(1);
        if end == TransferEnd::Ok {
            histogram!(DURATION, "direction" => direction, "content" => content).record(took);
            if self.direction == Direction::Pull {
                rate(direction, sent, took);
                recent::pull(took);
            }
        }
    }
}

/// Notes that a blob of `size` bytes was pushed, `took` after its upload was opened.
pub fn blob_pushed(size: u64, took: Duration) {
    histogram!(BLOB_PUSH).record(took);
    recent::push(took);
    rate(Direction::Push.label(), size, took);
}

fn rate(direction: &'static str, bytes: u64, took: Duration) {
    if bytes >= RATED && !took.is_zero() {
        histogram!(RATE, "direction" => direction).record(bytes as f64 / took.as_secs_f64());
    }
}

/// Publishes zero for every kind of transfer: a ratio needs both of its numbers, and the first failure should show as a rise.
pub(super) fn publish_zero() {
    use {Content as C, Direction as D, TransferEnd as E};
    let kinds = [
        (D::Pull, C::Blob),
        (D::Pull, C::Manifest),
        (D::Push, C::Blob),
        (D::Push, C::Chunk),
        (D::Push, C::Manifest),
    ];
    for (direction, content) in kinds {
        for end in [E::Ok, E::Refused, E::Failed, E::Cut, E::Dropped] {
            let (direction, content) = (direction.label(), content.label());
            counter!(TRANSFERS, "direction" => direction, "content" => content, "outcome" => end.label())
                .increment(0);
        }
    }
}

pub(super) fn describe() {
    describe_counter!(
        TRANSFERS,
        Unit::Count,
        "Requests that move a blob, a chunk of one or a manifest, by direction, content and outcome: ok, refused (4xx), \
         failed (5xx), cut by the registry, or dropped by the client"
    );
    describe_histogram!(
        DURATION,
        Unit::Seconds,
        "Time from the head of a request that moves content to the end of its answer, of those that succeeded, by \
         direction and content"
    );
    describe_histogram!(
        FIRST_BYTE,
        Unit::Seconds,
        "Time from the head of a pull to the first byte of its body, by content"
    );
    describe_histogram!(
        BLOB_PUSH,
        Unit::Seconds,
        "Time from the opening of an upload to the answer that its blob is stored, of uploads that one instance served"
    );
    describe_histogram!(
        RATE,
        Unit::Bytes,
        "Bytes a second of blobs of at least 1 MiB that were transferred, by direction"
    );
}
