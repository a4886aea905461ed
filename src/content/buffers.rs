//! The buffers that files are read into. Together they are bounded, whatever the number of readers.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Bytes of a large buffer. Smaller reads cost more CPU: a quarter more at 64 KiB.
const LARGE: usize = 4 * SMALL;

/// Bytes of a small buffer, as large as a frame that comes from Kubo.
pub(super) const SMALL: usize = 64 * 1024;

/// Bytes on their way to clients from which on readers get small buffers. A thousand slow readers then hold 100 MiB.
const CROWDED: usize = 32 << 20;

/// Large buffers that are kept for the next reader. A new one is zeroed and mapped page by page, which costs as much as
/// the read itself.
const KEPT: usize = 16;

/// Buffers begin at a page: the kernel copies several times slower into others on some processors.
const PAGE: usize = 4096;

/// The buffers of a server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers(Arc<Pool>);

#[derive(Debug, Default)]
struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
    in_use: AtomicUsize,
}

/// Memory to read into. Dropping it, or the last of the [`Bytes`] made from it, gives it back.
#[derive(Debug)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    pool: Arc<Pool>,
}

impl Buffers {
    /// Takes a buffer of [`LARGE`] or [`SMALL`] bytes.
    pub(super) fn take(&self) -> Buffer {
        let pool = Arc::clone(&self.0);
        let length = if pool.in_use.load(Ordering::Relaxed) < CROWDED { LARGE } else { SMALL };
        let free = if length == LARGE { pool.free().pop() } else { None };
        let memory = free.unwrap_or_else(|| vec![0; length + PAGE]);
        pool.in_use.fetch_add(memory.len(), Ordering::Relaxed);
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        Buffer { memory, start, pool }
    }
}

impl Pool {
    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// How many bytes it takes.
    pub(super) fn capacity(&self) -> usize {
        self.memory.len() - PAGE
    }

    /// The first bytes, to read into.
    pub(super) fn first(&mut self, length: usize) -> &mut [u8] {
        &mut self.memory[self.start..self.start + length]
    }

    /// Passes some of the bytes on without a copy.
    pub(super) fn freeze(self, range: Range<usize>) -> Bytes {
        let start = self.start;
        Bytes::from_owner(self).slice(start + range.start..start + range.end)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.pool.in_use.fetch_sub(memory.len(), Ordering::Relaxed);
        let mut free = self.pool.free();
        if memory.len() == LARGE + PAGE && free.len() < KEPT {
            free.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_come_back() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        assert_eq!(buffer.capacity(), LARGE);
        let first = buffer.first(10);
        assert_eq!(first.as_ptr().align_offset(PAGE), 0);
        first.copy_from_slice(b"0123456789");
        let bytes = buffer.freeze(2..5);
        assert_eq!(bytes, "234");
        assert!(buffers.0.free().is_empty());
        drop(bytes);
        assert_eq!(buffers.0.free().len(), 1);
        assert_eq!(buffers.0.in_use.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_crowd_gets_small_buffers() {
        let buffers = Buffers::default();
        let taken: Vec<_> = (0..1000).map(|_| buffers.take()).collect();
        assert_eq!(taken[0].capacity(), LARGE);
        assert_eq!(taken[999].capacity(), SMALL);
        assert!(buffers.0.in_use.load(Ordering::Relaxed) < 100 << 20);
        drop(taken);
        assert_eq!(buffers.0.free().len(), KEPT);
    }
}
