//! Whether clients move bytes now, so that background work gives way to them.

use std::sync::Arc;

/// The transfers of clients that are under way. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic(Arc<()>);

/// A transfer that is under way while this value lives.
#[derive(Debug)]
pub(super) struct Moving(#[expect(dead_code, reason = "it is counted")] Arc<()>);

impl Traffic {
    /// Counts a transfer.
    pub(super) fn enter(&self) -> Moving {
        Moving(Arc::clone(&self.0))
    }

    /// Whether a transfer is under way.
    pub(super) fn moves(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_counts_until_it_is_dropped() {
        let traffic = Traffic::default();
        assert!(!traffic.moves());
        let (one, other) = (traffic.enter(), traffic.enter());
        drop(one);
        assert!(traffic.moves());
        drop(other);
        assert!(!traffic.moves());
    }
}
