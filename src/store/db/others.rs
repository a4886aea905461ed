//! The servers beside the first one, and which of all was used last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::PostgresServer;

/// Servers that are asked when those before them are gone or accept no writes. Clones remember together which server was
/// used last, so that a server which is gone costs its time once and not for each connection.
#[derive(Clone, Debug, Default)]
pub struct Others {
    servers: Vec<PostgresServer>,
    /// 0 for the first server of the settings, 1 for the first one here.
    last_used: Arc<AtomicUsize>,
}

impl Others {
    /// All but the first server of the settings.
    pub fn new(servers: Vec<PostgresServer>) -> Self {
        Self { servers, ..Self::default() }
    }

    /// Server `n`; `None` for 0, the first server of the settings.
    pub(super) fn get(&self, n: usize) -> Option<&PostgresServer> {
        self.servers.get(n.checked_sub(1)?)
    }

    /// The numbers of all servers, beginning with the one that was used last.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> {
        let (all, first) = (self.servers.len() + 1, self.last_used.load(Ordering::Relaxed));
        (0..all).map(move |n| (first + n) % all)
    }

    pub(super) fn used(&self, n: usize) {
        self.last_used.store(n, Ordering::Relaxed);
    }
}
