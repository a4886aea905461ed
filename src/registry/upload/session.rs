//! State of an open upload in this process: its running hash, and the lock that admits one writer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use crate::oci::Algorithm;
use crate::stream::hashing::Hasher;

/// The running hash of the first `received` bytes.
#[derive(Clone)]
pub(super) struct RunningHash {
    pub(super) received: u64,
    pub(super) hasher: Hasher,
}

/// State of one upload. Losing it costs time but no bytes, since the parts can be read back.
#[derive(Default)]
pub(super) struct Session {
    pub(super) running: Option<RunningHash>,
}

impl Session {
    /// The running hash at `received` bytes, if this process has it.
    pub(super) fn hasher_at(&self, received: u64, algorithm: Algorithm) -> Option<Hasher> {
        match &self.running {
            Some(running) if running.received == received => Some(running.hasher.clone()),
            _ if received == 0 => Some(Hasher::new(algorithm)),
            _ => None,
        }
        .filter(|hasher| hasher.algorithm() == algorithm)
    }
}

/// The uploads that this process knows.
#[derive(Default)]
pub(in crate::registry) struct Sessions(Mutex<HashMap<Uuid, Seen>>);

struct Seen {
    session: Arc<AsyncMutex<Session>>,
    at: Instant,
}

impl Sessions {
    /// The session of an upload. Requests on one upload take turns by its lock.
    pub(super) fn session(&self, id: Uuid) -> Arc<AsyncMutex<Session>> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = sessions
            .entry(id)
            .or_insert_with(|| Seen { session: Arc::default(), at: Instant::now() });
        seen.at = Instant::now();
        Arc::clone(&seen.session)
    }

    /// Forgets an upload that has ended.
    pub(super) fn forget(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Forgets the uploads that no request asked for within `idle`, and returns their number.
    pub(in crate::registry) fn forget_idle(&self, idle: Duration) -> u64 {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sessions.len();
        sessions.retain(|_, seen| seen.at.elapsed() < idle || Arc::strong_count(&seen.session) > 1);
        (before - sessions.len()) as u64
    }
}
