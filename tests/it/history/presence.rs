//! Things that are in a repository or not: blobs and manifests.

use super::event::Span;

/// Everything that was done to one thing and seen of it.
#[derive(Debug, Default)]
pub(super) struct Thing {
    /// Acknowledged: it was there at some instant of each.
    pub(super) added: Vec<Span>,
    /// The same and those that perhaps took effect.
    pub(super) perhaps_added: Vec<Span>,
    /// Acknowledged: it was gone at some instant of each.
    pub(super) removed: Vec<Span>,
    /// The same and those that perhaps took effect.
    pub(super) perhaps_removed: Vec<Span>,
    /// Reads that found it.
    pub(super) found: Vec<Span>,
    /// Reads that did not.
    pub(super) absent: Vec<Span>,
}

impl Thing {
    /// The first read that no order of the others explains, and why.
    pub(super) fn breach(&self) -> Option<String> {
        let lost = self.absent.iter().find(|read| self.was_there(**read));
        let lost = lost.map(|read| format!("is absent at {read:?} though it was acknowledged"));
        let risen = self.found.iter().find(|read| self.was_gone(**read));
        lost.or(risen.map(|read| format!("is found at {read:?} though it was not there")))
    }

    /// Whether it was there during all of a read: it was added before, and nothing can have removed it between.
    pub(super) fn was_there(&self, read: Span) -> bool {
        let before = self.added.iter().filter(|added| added.end < read.start);
        let mut last = before.filter(|added| !between(&self.perhaps_removed, **added, read));
        last.next().is_some()
    }

    /// Whether it was away during all of a read: nothing had added it, or it was removed and nothing can have added it
    /// again.
    fn was_gone(&self, read: Span) -> bool {
        let never = !self.perhaps_added.iter().any(|added| added.start <= read.end);
        let before = self.removed.iter().filter(|removed| removed.end < read.start);
        let mut last = before.filter(|removed| !between(&self.perhaps_added, **removed, read));
        never || last.next().is_some()
    }
}

/// Whether one of these can have taken effect after `first` and before the end of `read`.
fn between(spans: &[Span], first: Span, read: Span) -> bool {
    spans.iter().any(|span| span.end >= first.start && span.start <= read.end)
}
