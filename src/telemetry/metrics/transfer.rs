//! Metrics of pushes and pulls as their clients feel them: how long a whole transfer takes, when its first byte comes, and
//! how fast it is.

use std::time::Duration;

use metrics::{Counter, Unit, counter, describe_counter, describe_histogram, histogram};

use super::exemplar::Exemplary;
use super::known::Known;
use crate::telemetry::recent;

const TRANSFERS: &str = "registry_transfers_total";
pub(super) const DURATION: &str = "registry_transfer_duration_seconds";
pub(super) const FIRST_BYTE: &str = "registry_pull_first_byte_seconds";
pub(super) const BLOB_PUSH: &str = "registry_blob_push_seconds";
pub(super) const RATE: &str = "registry_transfer_rate_bytes_per_second";

/// Upper bounds of the histograms of transfers, in seconds: twenty-four for each power of ten from a millisecond, which a
/// manifest takes, to ten seconds, which a layer of a GiB takes. A percentile read from them is then within a tenth of the true
/// one. Above there are eight.
pub(super) const TRANSFER_BUCKETS: [f64; 116] = [
    0.0005, 0.0006, 0.0007, 0.00085, 0.001, 0.0011, 0.00121, 0.00133, 0.00147, 0.00162, 0.00178,
    0.00196, 0.00215, 0.00237, 0.00261, 0.00287, 0.00316, 0.00348, 0.00383, 0.00422, 0.00464,
    0.00511, 0.00562, 0.00619, 0.00681, 0.0075, 0.00825, 0.00909, 0.01, 0.011, 0.0121, 0.0133,
    0.0147, 0.0162, 0.0178, 0.0196, 0.0215, 0.0237, 0.0261, 0.0287, 0.0316, 0.0348, 0.0383, 0.0422,
    0.0464, 0.0511, 0.0562, 0.0619, 0.0681, 0.075, 0.0825, 0.0909, 0.1, 0.11, 0.121, 0.133, 0.147,
    0.162, 0.178, 0.196, 0.215, 0.237, 0.261, 0.287, 0.316, 0.348, 0.383, 0.422, 0.464, 0.511,
    0.562, 0.619, 0.681, 0.75, 0.825, 0.909, 1.0, 1.1, 1.21, 1.33, 1.47, 1.62, 1.78, 1.96, 2.15,
    2.37, 2.61, 2.87, 3.16, 3.48, 3.83, 4.22, 4.64, 5.11, 5.62, 6.19, 6.81, 7.5, 8.25, 9.09, 10.0,
    13.3, 17.8, 23.7, 31.6, 42.2, 56.2, 75.0, 100.0, 133.0, 178.0, 237.0, 316.0, 422.0, 562.0,
    600.0,
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
    /// Notes that the first byte of a pull was sent this long after the head of its request came. Its recorded `trace` is
    /// kept as an exemplar.
    pub fn first_byte(self, after: Duration, trace: Option<u128>) {
        if self.direction == Direction::Pull {
            static TIMES: Known<&str, Exemplary> = Known::new();
            let content = self.content.label();
            let find = || Exemplary::find(FIRST_BYTE, [("content", content)], &TRANSFER_BUCKETS);
            TIMES.record(content, find, |times| times.record(after, trace));
        }
    }

    /// Notes the end of a request. `sent` is the number of bytes in the body of its answer. Its recorded `trace` is kept as
    /// an exemplar.
    pub fn ended(self, end: TransferEnd, took: Duration, sent: u64, trace: Option<u128>) {
        let (direction, content) = (self.direction.label(), self.content.label());
        static ENDS: Known<(&str, &str, &str), Counter> = Known::new();
        static DURATIONS: Known<(&str, &str), Exemplary> = Known::new();
        let outcome = end.label();
        let find = || counter!(TRANSFERS, "direction" => direction, "content" => content, "outcome" => outcome);
        ENDS.record((direction, content, outcome), find, |counter| counter.increment(1));
        if end == TransferEnd::Ok {
            let labels = [("direction", direction), ("content", content)];
            let find = || Exemplary::find(DURATION, labels, &TRANSFER_BUCKETS);
            DURATIONS.record((direction, content), find, |durations| durations.record(took, trace));
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
