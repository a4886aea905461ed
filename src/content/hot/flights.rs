//! The copies that are being filled, each once at a time, and how far they are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch::{self, Receiver, Sender};

use super::shelf::Entry;
use super::stored::Stored;
use crate::ipfs::IpfsError;
use crate::oci::Digest;

/// Copies that are filled at the same time. Each holds about 2 MiB of memory. Readers of others go to the origin.
const AT_ONCE: usize = 32;

/// How far the filling of a copy is.
#[derive(Debug)]
pub(super) enum Progress {
    /// The origin has not answered yet.
    Opening,
    /// Pieces before this offset can be read.
    Written(Arc<Stored>, u64),
    /// The digest matched.
    Complete(Arc<Stored>, Option<Arc<Entry>>),
    /// There will be no copy.
    Failed(Failure),
}

/// Why there will be no copy.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The origin failed.
    Origin(IpfsError),
    /// The bytes of the origin hash to this digest.
    Wrong(Digest),
    /// The disk has no room, or failed. The origin may be sound.
    Disk,
    /// A file of Kubo that was there has vanished since, or cannot be read. Kubo may have the block all the same.
    Unread,
}

/// The copies that are being filled.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Digest, Arc<Sender<Progress>>>>);

/// A copy that this value's owner fills. Dropping it ends the filling.
pub(super) struct Flight {
    flights: Arc<Flights>,
    digest: Digest,
    sender: Arc<Sender<Progress>>,
}

/// What a reader of a blob shall do.
pub(super) enum Boarding<T> {
    /// Read what was found.
    Found(T),
    /// Follow a copy that somebody fills.
    Joined(Receiver<Progress>),
    /// Fill a copy, and follow it.
    First(Flight, Receiver<Progress>),
    /// Go to the origin, since too many copies are being filled.
    Crowded,
}

impl Flights {
    fn flying(&self) -> MutexGuard<'_, HashMap<Digest, Arc<Sender<Progress>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the copy of a blob, on the shelf by `find` or among those that are being filled, or begins one. The shelf is
    /// asked under the lock: a copy is put on the shelf before its flight ends, so that it is always found in one of them.
    pub(super) fn board<T>(
        self: &Arc<Self>,
        digest: &Digest,
        find: impl FnOnce() -> Option<T>,
    ) -> Boarding<T> {
        let mut flying = self.flying();
        if let Some(sender) = flying.get(digest) {
            return Boarding::Joined(sender.subscribe());
        }
        if let Some(found) = find() {
            return Boarding::Found(found);
        }
        if flying.len() >= AT_ONCE {
            return Boarding::Crowded;
        }
        let (sender, receiver) = watch::channel(Progress::Opening);
        let sender = Arc::new(sender);
        flying.insert(digest.clone(), Arc::clone(&sender));
        let flight = Flight { flights: Arc::clone(self), digest: digest.clone(), sender };
        Boarding::First(flight, receiver)
    }
}

impl Flight {
    /// Tells the readers how far the copy is.
    pub(super) fn tell(&self, progress: Progress) {
        self.sender.send_replace(progress);
    }

    /// Ends the flight if nobody follows it. From then on nobody can.
    pub(super) fn is_deserted(&self) -> bool {
        let mut flying = self.flights.flying();
        let deserted = self.sender.receiver_count() == 0;
        if deserted {
            self.leave(&mut flying);
        }
        deserted
    }

    /// Ends the flight, and then tells the readers how. So one that asks again finds no flight that has failed.
    pub(super) fn end(&self, progress: Progress) {
        self.leave(&mut self.flights.flying());
        self.tell(progress);
    }

    /// Another flight for the same digest may have begun since this one ended.
    fn leave(&self, flying: &mut HashMap<Digest, Arc<Sender<Progress>>>) {
        if flying.get(&self.digest).is_some_and(|sender| Arc::ptr_eq(sender, &self.sender)) {
            flying.remove(&self.digest);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.leave(&mut self.flights.flying());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::hashing::sha256;

    #[test]
    fn one_fills_and_the_others_follow() {
        let flights = Arc::new(Flights::default());
        let digest = sha256(b"abc");
        let board = || flights.board(&digest, || None::<()>);
        let Boarding::First(flight, first) = board() else { panic!("nobody fills") };
        let Boarding::Joined(second) = board() else { panic!("two fill") };
        assert!(!flight.is_deserted());
        drop((first, second));
        assert!(flight.is_deserted());
        // A flight that ended does not end the next one.
        let Boarding::First(next, _follows) = board() else { panic!("nobody fills") };
        drop(flight);
        assert!(matches!(board(), Boarding::Joined(_)));
        next.end(Progress::Failed(Failure::Disk));
        assert!(flights.flying().is_empty());
    }

    #[test]
    fn so_many_are_filled_and_no_more() {
        let flights = Arc::new(Flights::default());
        let board = |n: usize| flights.board(&sha256(&n.to_be_bytes()), || None::<()>);
        let flying: Vec<_> = (0..AT_ONCE).map(board).collect();
        assert!(matches!(board(AT_ONCE), Boarding::Crowded));
        drop(flying);
        assert!(matches!(board(AT_ONCE), Boarding::First(..)));
    }
}
