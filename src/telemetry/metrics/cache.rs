//! Metrics of where the bytes of blobs are read from, and of the cache of layers.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const READS: &str = "registry_blob_reads_total";
const CACHED_BYTES: &str = "registry_blob_cache_read_bytes_total";
const FILLS: &str = "registry_blob_cache_fills_total";
const EVICTIONS: &str = "registry_blob_cache_evictions_total";
const DAMAGED: &str = "registry_blob_cache_damaged_total";
const BYTES: &str = "registry_blob_cache_bytes";
const ENTRIES: &str = "registry_blob_cache_entries";

/// The place that the bytes of a blob are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobSource {
    /// A small blob in memory.
    Memory,
    /// A copy on the disk.
    Copy,
    /// Kubo's files, compared with checksums that were taken when the digest matched.
    Blocks,
    /// A copy that is being filled.
    Filling,
    /// Kubo, for this reader alone.
    Origin,
}

/// How the filling of a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillEnd {
    /// The copy is complete, and its digest matched.
    Stored,
    /// The origin failed, or its bytes were wrong.
    Failed,
    /// Nobody waited for it any more.
    Abandoned,
    /// There was no space for it on the disk.
    Refused,
    /// A file of Kubo vanished or could not be read, so the layer was read through Kubo.
    Unread,
}

impl BlobSource {
    const ALL: [Self; 5] = [Self::Memory, Self::Copy, Self::Blocks, Self::Filling, Self::Origin];

    fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Copy => "copy",
            Self::Blocks => "blocks",
            Self::Filling => "filling",
            Self::Origin => "origin",
        }
    }
}

impl FillEnd {
    const ALL: [Self; 5] =
        [Self::Stored, Self::Failed, Self::Abandoned, Self::Refused, Self::Unread];

    fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Refused => "refused",
            Self::Unread => "unread",
        }
    }
}

/// Counts a read of a blob.
pub fn blob_read(source: BlobSource) {
    counter!(READS, "source" => source.label()).increment(1);
}

/// Counts bytes that were read from copies.
pub fn blob_cache_read(bytes: u64) {
    counter!(CACHED_BYTES).increment(bytes);
}

/// Counts a copy that was to be filled.
pub fn blob_cache_filled(end: FillEnd) {
    counter!(FILLS, "outcome" => end.label()).increment(1);
}

/// Counts copies that were removed to make room.
pub fn blob_cache_evicted(copies: usize) {
    counter!(EVICTIONS).increment(copies as u64);
}

/// Counts a copy whose bytes were found damaged.
pub fn blob_cache_damaged() {
    counter!(DAMAGED).increment(1);
}

/// Publishes what the cache holds.
pub fn blob_cache_holds(entries: usize, bytes: u64) {
    gauge!(ENTRIES).set(entries as f64);
    gauge!(BYTES).set(bytes as f64);
}

/// Publishes zero for each kind, so that the first event shows as a rise.
pub(super) fn publish_zero() {
    for source in BlobSource::ALL {
        counter!(READS, "source" => source.label()).increment(0);
    }
    for end in FillEnd::ALL {
        counter!(FILLS, "outcome" => end.label()).increment(0);
    }
    for name in [CACHED_BYTES, EVICTIONS, DAMAGED] {
        counter!(name).increment(0);
    }
    blob_cache_holds(0, 0);
}

pub(super) fn describe() {
    describe_counter!(
        READS,
        Unit::Count,
        "Reads of blobs, by source: memory, a copy on the disk, blocks (files of Kubo on this host whose checksums are known), a layer that is being filled (hashed for all who ask for it), or origin (Kubo, for one reader)"
    );
    describe_counter!(
        CACHED_BYTES,
        Unit::Bytes,
        "Bytes that were read from copies of layers on the disk, or from files of Kubo whose checksums are known"
    );
    describe_counter!(
        FILLS,
        Unit::Count,
        "Copies of layers and lists of checksums that were begun, by outcome: stored, failed, abandoned by all clients, refused by a full disk, or unread because a file of Kubo vanished or could not be read"
    );
    describe_counter!(
        EVICTIONS,
        Unit::Count,
        "Copies of layers that were removed to make room for others"
    );
    describe_counter!(
        DAMAGED,
        Unit::Count,
        "Copies of layers that were dropped because their bytes on the disk had changed"
    );
    describe_gauge!(BYTES, Unit::Bytes, "Bytes on the disk that copies of layers take");
    describe_gauge!(ENTRIES, Unit::Count, "Copies of layers on the disk");
}
