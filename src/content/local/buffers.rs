//! Memory for frames that are read from files.
//!
//! Large frames cost less processor time than small ones, but a client that stops reading keeps those that it was sent.
//! So large buffers are lent from a fixed budget, and who gets none reads small frames. A buffer comes back when its frame
//! is dropped, and is lent again while it is still in the processor's cache.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a large buffer.
const LARGE: usize = 256 << 10;
/// Bytes of a small buffer, as large as a frame that comes from Kubo.
const SMALL: usize = 64 << 10;
/// Most large buffers that are lent at the same time.
const LENT: usize = 128;
/// Most large buffers that are kept for the next reader.
const KEPT: usize = 16;

/// Large buffers that wait for the next reader.
type Idle = Arc<Mutex<Vec<Vec<u8>>>>;

/// Lends buffers. Cheap to clone.
#[derive(Clone)]
pub(super) struct Buffers {
    large: Arc<Semaphore>,
    idle: Idle,
}

/// A buffer that becomes a frame.
pub(super) struct Buffer {
    memory: Vec<u8>,
    len: usize,
    /// For a large buffer: its share of the budget, and where it comes back to.
    lent: Option<(OwnedSemaphorePermit, Idle)>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { large: Arc::new(Semaphore::new(LENT)), idle: Arc::default() }
    }
}

impl Buffers {
    /// A buffer of at most `want` bytes, and at least one if `want` is not 0.
    pub(super) fn take(&self, want: usize) -> Buffer {
        let permit = (want > SMALL).then(|| Arc::clone(&self.large).try_acquire_owned().ok());
        let Some(permit) = permit.flatten() else {
            let len = want.min(SMALL);
            return Buffer { memory: vec![0; len], len, lent: None };
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let memory = idle.unwrap_or_else(|| vec![0; LARGE]);
        Buffer { memory, len: want.min(LARGE), lent: Some((permit, Arc::clone(&self.idle))) }
    }
}

impl Buffer {
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }

    /// Makes a frame of it.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some((_permit, idle)) = self.lent.take() else { return };
        let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_are_lent_within_the_budget_and_come_back() {
        let buffers = Buffers::default();
        let lent: Vec<_> = (0..LENT).map(|_| buffers.take(LARGE + 1).freeze()).collect();
        assert!(lent.iter().all(|frame| frame.len() == LARGE));
        assert_eq!(buffers.take(LARGE).freeze().len(), SMALL);
        assert_eq!(buffers.take(7).freeze().len(), 7);
        drop(lent);
        assert_eq!(buffers.idle.lock().unwrap().len(), KEPT);
        assert_eq!(buffers.take(LARGE).freeze().len(), LARGE);
        assert_eq!(buffers.take(SMALL + 1).freeze().len(), SMALL + 1);
    }
}
