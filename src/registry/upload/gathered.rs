//! The first bytes of an upload, which are gathered in memory until it is known whether the blob is a single leaf.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::ipld::profile::LEAF_BYTES;
use crate::stream::gather::Gathered;

/// Bytes that all uploads together gather before each of them gathers less than a leaf.
const CROWD: usize = 8 << 20;

/// Bytes that an upload gathers nevertheless. To store a few bytes as a file costs Kubo much more than as a block.
const LEAST: u64 = LEAF_BYTES / 8;

/// The bytes that all uploads of this process gather. Clones count together.
#[derive(Clone, Default)]
pub(in crate::registry) struct Gathering(Arc<AtomicUsize>);

/// Gathered bytes of one upload. They count until this value is dropped.
pub(super) struct Fresh {
    bytes: Gathered,
    counted: usize,
    gathering: Gathering,
}

impl Fresh {
    pub(super) fn new(gathering: &Gathering) -> Self {
        Self { bytes: Gathered::default(), counted: 0, gathering: gathering.clone() }
    }

    /// What these bytes count in.
    pub(super) fn gathering(&self) -> &Gathering {
        &self.gathering
    }

    /// Appends the bytes of a frame.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.counted += frame.len();
        self.gathering.0.fetch_add(frame.len(), Ordering::Relaxed);
        self.bytes.push(frame);
    }

    /// Number of gathered bytes.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether the bytes should go to Kubo before they are a leaf, since all uploads together gather too many.
    pub(super) fn is_in_a_crowd(&self) -> bool {
        self.len() >= LEAST && self.gathering.0.load(Ordering::Relaxed) > CROWD
    }

    /// Returns the bytes. They still count.
    pub(super) fn take_frames(&mut self) -> Vec<Bytes> {
        self.bytes.take_frames()
    }

    /// Moves the bytes out, and begins anew.
    pub(super) fn take(&mut self) -> Self {
        let empty = Self::new(&self.gathering);
        std::mem::replace(self, empty)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.gathering.0.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_they_are_dropped() {
        let gathering = Gathering::default();
        let counted = || gathering.0.load(Ordering::Relaxed);
        let (mut fresh, mut other) = (Fresh::new(&gathering), Fresh::new(&gathering));
        fresh.push(Bytes::from(vec![0; CROWD]));
        assert!(!fresh.is_in_a_crowd());
        other.push(Bytes::from_static(b"x"));
        assert!(fresh.is_in_a_crowd() && !other.is_in_a_crowd());
        // On their way to Kubo.
        let mut taken = fresh.take();
        assert_eq!((fresh.len(), taken.take_frames().len()), (0, 1));
        drop(fresh);
        assert_eq!(counted(), CROWD + 1);
        drop(taken);
        assert_eq!(counted(), 1);
        drop(other);
        assert_eq!(counted(), 0);
    }
}
