//! How many bytes are read at once from a client that sends a body.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that all bodies together may read at once, as long as each may read [`LEAST`]. A body has about five such reads in
/// memory on its way to Kubo. Eight bodies read as much as the buffer of their connection takes.
const TOGETHER: usize = 4 << 20;

/// Bytes that every body may read at once. Smaller reads cost the half more CPU.
const LEAST: usize = 32 << 10;

/// The bodies that a listener receives. Cheap to clone; clones share the count.
///
/// Large reads cost less CPU than many small ones, so a few bodies get them. Many bodies get small ones, so that memory
/// does not grow with their number as fast as that.
#[derive(Clone, Debug, Default)]
pub(super) struct Inflow(Arc<AtomicUsize>);

/// A body that is being received. It counts until this value is dropped.
#[derive(Debug)]
pub(super) struct Flowing(Inflow);

impl Inflow {
    /// Counts one more body.
    pub(super) fn begin(&self) -> Flowing {
        self.0.fetch_add(1, Ordering::Relaxed);
        Flowing(self.clone())
    }

    /// Most bytes of one read: a byte less than a power of two. hyper doubles its buffer after a read that has filled it, and a
    /// limit of exactly that size would leave half of the next one empty.
    pub(super) fn share(&self) -> usize {
        let fair = (TOGETHER / self.0.load(Ordering::Relaxed).max(1)).max(LEAST);
        fair.next_power_of_two() - 1
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bodies_get_large_reads_and_many_get_small_ones() {
        let inflow = Inflow::default();
        assert_eq!(inflow.share(), TOGETHER - 1);
        let mut bodies: Vec<_> = (0..8).map(|_| inflow.begin()).collect();
        assert_eq!(inflow.share(), (512 << 10) - 1);
        bodies.extend((0..56).map(|_| inflow.begin()));
        assert_eq!(inflow.share(), (64 << 10) - 1);
        bodies.extend((0..10_000).map(|_| inflow.begin()));
        assert_eq!(inflow.share(), LEAST - 1);
        drop(bodies);
        assert_eq!(inflow.share(), TOGETHER - 1);
    }
}
