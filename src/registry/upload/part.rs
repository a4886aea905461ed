//! The part of an upload that takes bytes.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::gathered::{Fresh, Gathering};
use crate::ipfs::{Add, Block, IpfsError, Kubo};
use crate::ipld::Cid;
use crate::ipld::profile::LEAF_BYTES;
use crate::registry::Collector;
use crate::store::Epoch;

/// Largest size of a part. The root over its 64 leaves is one small node, and Kubo does not hold its lock for long.
/// Parts begin at leaf borders, so that an upload has the leaves that one `ipfs add` of the whole would make.
pub const PART_BYTES: u64 = 64 * LEAF_BYTES;

/// Largest size of a part, and the time after which it ends at the next leaf, if the node may remove its blocks before the
/// part is pinned.
const SHORT_PART_BYTES: u64 = 16 * LEAF_BYTES;
const SHORT_PART_TIME: Duration = Duration::from_secs(2);

/// Longest time in which a client may send the first leaf of a part, if the next leaf is to go into the same part. The
/// leaves of a slower client become parts of one leaf, so that Kubo never waits for that client.
const LEAF_TIME: Duration = Duration::from_secs(1);

/// A part that takes bytes. Its first leaf is gathered in memory, since a part of one leaf is stored as a raw block in a
/// single short call. When the second leaf begins, or too many uploads gather, the bytes go to Kubo as they come.
///
/// Dropping an open part resets its connection, so that Kubo never takes the bytes for a whole file.
pub(super) struct OpenPart {
    /// Bytes at the beginning that were stored before. They are not in `fresh`.
    begun: u64,
    fresh: Fresh,
    size: u64,
    since: Option<Instant>,
    add: Option<Add>,
    length: PartLength,
    /// The epoch in which Kubo got the first bytes.
    epoch: Option<Epoch>,
}

/// How long a part may become.
#[derive(Clone, Copy)]
pub(super) struct PartLength {
    bytes: u64,
    time: Option<Duration>,
}

impl PartLength {
    pub(super) fn of(collector: Collector) -> Self {
        match collector {
            Collector::Registry => Self { bytes: PART_BYTES, time: None },
            Collector::Node => Self { bytes: SHORT_PART_BYTES, time: Some(SHORT_PART_TIME) },
        }
    }
}

/// Resolves to the CID of a part once Kubo has stored it.
pub(super) type StoringPart = Pin<Box<dyn Future<Output = Result<Cid, IpfsError>> + Send>>;

impl OpenPart {
    /// A part that begins at a leaf border, `begun` bytes before the bytes that will be appended.
    pub(super) fn new(begun: u64, length: PartLength, gathering: &Gathering) -> Self {
        Self {
            begun,
            fresh: Fresh::new(gathering),
            size: begun,
            since: None,
            add: None,
            length,
            epoch: None,
        }
    }

    /// The part that takes the bytes from offset `begun` of this one's last leaf on.
    pub(super) fn next(&self, begun: u64) -> Self {
        Self::new(begun, self.length, self.fresh.gathering())
    }

    /// Bytes of the part, from its beginning.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that were stored before this part was opened, and that the part is to hold again.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Bytes that are only in memory.
    pub(super) fn gathered(&self) -> u64 {
        self.fresh.len()
    }

    /// How many bytes the next frame may have.
    pub(super) fn room(&self) -> usize {
        let end = match self.is_streaming() || self.is_leaf() {
            true if self.is_late() => (self.size / LEAF_BYTES + 1) * LEAF_BYTES,
            true => self.length.bytes,
            false => LEAF_BYTES,
        };
        usize::try_from(end - self.size).unwrap_or(usize::MAX)
    }

    /// Whether the part takes no more bytes.
    pub(super) fn is_full(&self) -> bool {
        let late = self.is_streaming() && self.is_late() && self.size.is_multiple_of(LEAF_BYTES);
        self.size == self.length.bytes || late
    }

    fn is_late(&self) -> bool {
        let time = self.length.time;
        self.since.zip(time).is_some_and(|(since, time)| since.elapsed() > time)
    }

    /// Whether the bytes go to Kubo as they come.
    pub(super) fn is_streaming(&self) -> bool {
        self.add.is_some()
    }

    /// Whether exactly one leaf is gathered.
    pub(super) fn is_leaf(&self) -> bool {
        !self.is_streaming() && self.size == LEAF_BYTES
    }

    /// Whether the bytes should go to Kubo before they are a leaf, since too many are gathered.
    pub(super) fn is_in_a_crowd(&self) -> bool {
        !self.is_streaming() && self.fresh.is_in_a_crowd()
    }

    /// Whether the client took longer than [`LEAF_TIME`] for the bytes so far.
    pub(super) fn is_slow(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() > LEAF_TIME)
    }

    /// The epoch to which the bytes belong that Kubo has. `None` if it has none.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// Opens the connection on which the bytes go to Kubo. `begun` are the bytes that were stored before.
    pub(super) async fn stream(
        &mut self,
        ipfs: &Kubo,
        begun: Bytes,
        epoch: Epoch,
    ) -> Result<(), IpfsError> {
        self.epoch = Some(epoch);
        let mut add = ipfs.begin_add().await?;
        add.send(begun).await?;
        let mut fresh = self.fresh.take();
        for frame in fresh.take_frames() {
            add.send(frame).await?;
        }
        self.add = Some(add);
        Ok(())
    }

    /// Appends a frame of at most [`room`](Self::room) bytes. While the part is streaming, this returns when Kubo has room
    /// for the next frame.
    pub(super) async fn append(&mut self, frame: Bytes) -> Result<(), IpfsError> {
        self.size += frame.len() as u64;
        match &mut self.add {
            Some(add) => add.send(frame).await,
            None => {
                self.since.get_or_insert_with(Instant::now);
                self.fresh.push(frame);
                Ok(())
            }
        }
    }

    /// Takes the bytes that are only in memory. They count as gathered as long as this part lives.
    pub(super) fn take_gathered(&mut self) -> Vec<Bytes> {
        self.fresh.take_frames()
    }

    /// Hands the last bytes over. The returned future waits for Kubo. `begun` are the bytes that were stored before; a
    /// streaming part has sent them already.
    pub(super) fn finish(mut self, ipfs: &Kubo, begun: Bytes) -> StoringPart {
        match self.add {
            Some(add) => {
                let added = add.finish();
                Box::pin(async move { Ok(added.await?.cid) })
            }
            None => {
                let (ipfs, mut frames) = (ipfs.clone(), vec![begun]);
                let mut fresh = self.fresh.take();
                Box::pin(async move {
                    frames.extend(fresh.take_frames());
                    let block = Block::raw(frames);
                    ipfs.put(&block).await.map(|()| block.cid())
                })
            }
        }
    }
}
