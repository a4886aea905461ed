//! Which copies there are, how much space they take, and which of them goes first.
//!
//! The order is that of GreedyDual-Size-Frequency (Cherkasova, 1998). The rank of a copy is what a hit on it saves for each
//! of its bytes, times its hits, plus the rank of the copy that was evicted last. So a copy that nobody asks for any more
//! is overtaken by those that come later, however often it was read before.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::folder::Found;
use super::layout;
use super::stored::Stored;
use crate::oci::Digest;
use crate::telemetry::metrics;

/// What a read of Kubo costs beside its bytes, in bytes: asking for the file, its tree, and the first block.
const ASKING: u64 = 1 << 20;

/// The unit of ranks: a hit on a very large copy.
const HIT: u64 = 1 << 10;

/// Hits that count. More of them would only keep a copy longer when nobody asks for it any more.
const MOST_HITS: u64 = 100;

/// Copies that are looked at for one eviction. Those that are being read are passed over.
const LOOKED_AT: usize = 256;

/// The copies that are complete.
#[derive(Debug)]
pub(super) struct Shelf {
    capacity: u64,
    /// Bytes of the copies, of those that are being filled, and of those that were dropped but are still being read.
    taken: Arc<AtomicU64>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    copies: HashMap<Digest, Shelved>,
    /// The copies by rank; the second number tells copies of the same rank apart, the older first.
    order: BTreeMap<(u64, u64), Digest>,
    /// The rank of the copy that was evicted last.
    clock: u64,
    next: u64,
}

#[derive(Debug)]
struct Shelved {
    copy: Arc<Entry>,
    rank: (u64, u64),
    hits: u64,
}

/// One copy. It is in use while a reader holds it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// The open file, which all readers share and the last one closes.
    pub(super) open: Mutex<Weak<Stored>>,
    room: Room,
}

/// Space that is taken while this value lives.
#[derive(Debug)]
pub(super) struct Room {
    bytes: u64,
    taken: Arc<AtomicU64>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Shelf {
    /// A shelf for this many bytes.
    pub(super) fn new(capacity: u64) -> Self {
        Self { capacity, taken: Arc::default(), books: Mutex::default() }
    }

    /// The most bytes on it.
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, bytes: u64) -> Room {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        Room { bytes, taken: Arc::clone(&self.taken) }
    }

    /// Takes what a restart found, the oldest first. The caller has left out what exceeds the capacity.
    pub(super) fn restore(&self, found: Vec<Found>) {
        for Found { digest, size, .. } in found {
            let room = self.room(layout::file_length(size));
            self.books().put(digest, size, 0, room, &Weak::new());
        }
        self.publish();
    }

    /// Finds a copy and counts the hit.
    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<Entry>> {
        self.books().hit(digest)
    }

    /// Finds a copy without counting a hit.
    pub(super) fn peek(&self, digest: &Digest) -> Option<Arc<Entry>> {
        self.books().copies.get(digest).map(|shelved| Arc::clone(&shelved.copy))
    }

    /// Puts a copy that was filled on the shelf.
    pub(super) fn put(&self, digest: Digest, stored: &Arc<Stored>, room: Room) {
        self.books().put(digest, stored.size(), 1, room, &Arc::downgrade(stored));
        self.publish();
    }

    /// Takes space for a copy, and removes others from the shelf if it needs theirs. The caller removes their files. `None`
    /// if copies that are being read take too much.
    pub(super) fn make_room(&self, bytes: u64) -> Option<(Room, Vec<Digest>)> {
        let mut books = self.books();
        let missing = (self.taken.load(Ordering::Relaxed) + bytes).saturating_sub(self.capacity);
        let evicted = books.evict(missing)?;
        let room = self.room(bytes);
        drop(books);
        self.publish();
        metrics::blob_cache_evicted(evicted.len());
        Some((room, evicted))
    }

    /// Takes a copy off the shelf, unless another one has taken its place. Returns whether it was there.
    pub(super) fn drop_copy(&self, copy: &Arc<Entry>) -> bool {
        let dropped = self.books().take(copy);
        self.publish();
        dropped
    }

    fn publish(&self) {
        let copies = self.books().copies.len();
        metrics::blob_cache_holds(copies, self.taken.load(Ordering::Relaxed));
    }
}

impl Books {
    fn rank(&mut self, size: u64, hits: u64) -> (u64, u64) {
        self.next += 1;
        let saved = HIT + HIT * ASKING / size.max(1);
        (self.clock + hits.min(MOST_HITS) * saved, self.next)
    }

    fn put(&mut self, digest: Digest, size: u64, hits: u64, room: Room, open: &Weak<Stored>) {
        let rank = self.rank(size, hits);
        let open = Mutex::new(Weak::clone(open));
        let copy = Arc::new(Entry { digest: digest.clone(), size, open, room });
        self.order.insert(rank, digest.clone());
        if let Some(before) = self.copies.insert(digest, Shelved { copy, rank, hits }) {
            self.order.remove(&before.rank);
        }
    }

    fn hit(&mut self, digest: &Digest) -> Option<Arc<Entry>> {
        let shelved = self.copies.get(digest)?;
        let (size, hits) = (shelved.copy.size, shelved.hits + 1);
        let rank = self.rank(size, hits);
        let shelved = self.copies.get_mut(digest)?;
        self.order.remove(&shelved.rank);
        self.order.insert(rank, digest.clone());
        (shelved.rank, shelved.hits) = (rank, hits);
        Some(Arc::clone(&shelved.copy))
    }

    fn take(&mut self, copy: &Arc<Entry>) -> bool {
        let current = self.copies.get(&copy.digest);
        if !current.is_some_and(|shelved| Arc::ptr_eq(&shelved.copy, copy)) {
            return false;
        }
        if let Some(shelved) = self.copies.remove(&copy.digest) {
            self.order.remove(&shelved.rank);
        }
        true
    }

    /// Removes copies that nobody reads until they make up `missing` bytes; none if that is not possible.
    fn evict(&mut self, missing: u64) -> Option<Vec<Digest>> {
        let (mut freed, mut chosen) = (0, Vec::new());
        for (rank, digest) in self.order.iter().take(LOOKED_AT) {
            if freed >= missing {
                break;
            }
            let copy = self.copies.get(digest).map(|shelved| &shelved.copy);
            let Some(copy) = copy.filter(|copy| Arc::strong_count(copy) == 1) else { continue };
            freed += copy.room.bytes;
            chosen.push((*rank, digest.clone()));
        }
        if freed < missing {
            return None;
        }
        for (rank, digest) in &chosen {
            self.clock = self.clock.max(rank.0);
            self.order.remove(rank);
            self.copies.remove(digest);
        }
        Some(chosen.into_iter().map(|(_, digest)| digest).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::stream::hashing::sha256;

    const MIB: u64 = 1 << 20;

    fn digest(n: u32) -> Digest {
        sha256(&n.to_be_bytes())
    }

    /// A shelf that holds the copies 0, 1, ... of these sizes, found in this order.
    fn shelf(capacity: u64, sizes: &[u64]) -> Shelf {
        let shelf = Shelf::new(capacity);
        let found = (0..).zip(sizes).map(|(n, size)| Found {
            digest: digest(n),
            size: *size,
            used: SystemTime::UNIX_EPOCH,
        });
        shelf.restore(found.collect());
        shelf
    }

    #[test]
    fn copies_that_were_not_read_go_first() {
        let shelf = shelf(4 * MIB, &[MIB; 3]);
        for _ in 0..3 {
            assert!(shelf.find(&digest(0)).is_some());
        }
        let (_room, evicted) = shelf.make_room(3 * MIB / 2).unwrap();
        assert_eq!(evicted, [digest(1)]);
        let (_room, evicted) = shelf.make_room(MIB).unwrap();
        assert_eq!(evicted, [digest(2)]);
        assert!(shelf.find(&digest(0)).is_some() && shelf.find(&digest(1)).is_none());
    }

    #[test]
    fn a_small_copy_outlives_a_large_one_that_is_read_as_often() {
        let shelf = shelf(12 * MIB, &[MIB / 4, 8 * MIB]);
        assert!(shelf.find(&digest(0)).is_some() && shelf.find(&digest(1)).is_some());
        assert_eq!(shelf.make_room(4 * MIB).unwrap().1, [digest(1)]);
    }

    #[test]
    fn an_old_favourite_is_overtaken() {
        let shelf = shelf(2 * MIB + 1000, &[MIB]);
        for _ in 0..20 {
            shelf.find(&digest(0));
        }
        let mut evicted = Vec::new();
        for n in 1..200 {
            let (room, gone) = shelf.make_room(layout::file_length(MIB)).unwrap();
            shelf.books().put(digest(n), MIB, 1, room, &Weak::new());
            evicted.extend(gone);
            if evicted.contains(&digest(0)) {
                assert!(n > 10, "after {n} others already");
                return;
            }
        }
        panic!("a copy that nobody reads any more stays for ever");
    }

    #[test]
    fn what_is_being_read_stays_and_counts_until_its_reader_has_gone() {
        let shelf = shelf(2 * MIB + 1000, &[MIB, MIB]);
        let reader = shelf.find(&digest(0)).unwrap();
        assert_eq!(shelf.make_room(MIB).unwrap().1, [digest(1)]);
        assert!(shelf.make_room(3 * MIB / 2).is_none());
        assert!(shelf.find(&digest(0)).is_some(), "nothing goes in vain");
        assert!(shelf.drop_copy(&reader));
        assert!(!shelf.drop_copy(&reader));
        assert!(shelf.find(&digest(0)).is_none());
        assert!(shelf.make_room(3 * MIB / 2).is_none(), "its bytes are on the disk still");
        drop(reader);
        assert!(shelf.make_room(3 * MIB / 2).is_some());
    }
}
