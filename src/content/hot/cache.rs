//! The cache of layers: finding the copy of a blob, or beginning to fill one.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use tokio::sync::watch::Receiver;
use tokio::task::spawn_blocking;
use tracing::warn;

use super::checked::Checked;
use super::fill::{Disk, Fill};
use super::flights::{Boarding, Failure, Flights, Progress};
use super::folder::Folder;
use super::layout;
use super::shelf::{Entry, Shelf};
use super::stored::{Damaged, Stored};
use crate::content::origin::Origin;
use crate::content::wanted::Wanted;
use crate::telemetry::metrics::{self, BlobSource};
use crate::telemetry::trace;

/// Most bytes of the cache if no setting says how many.
const USUAL: u64 = 10 << 30;

/// The copies of layers on the local disk. Cheap to clone.
#[derive(Clone)]
pub(in crate::content) struct Hot {
    pub(super) origin: Origin,
    disk: Arc<Disk>,
    pub(super) checked: Arc<Checked>,
    flights: Arc<Flights>,
}

/// Where the bytes of a layer are known to be.
enum Found {
    Blocks(Arc<Stored>),
    Copy(Arc<Entry>),
}

/// A copy to read.
pub(super) enum View {
    /// A complete one. Holding its entry, if it has one, keeps it from eviction.
    Complete(Arc<Stored>, Option<Arc<Entry>>),
    /// One that is being filled.
    Filling(Receiver<Progress>),
}

impl Hot {
    /// Opens the cache in the folder `top`. It takes at most `bytes`, or what suits the disk, and leaves `spare` bytes of the
    /// disk free. Blocks.
    pub(in crate::content) fn open(
        top: &Path,
        bytes: Option<u64>,
        spare: u64,
        origin: Origin,
    ) -> io::Result<Self> {
        let folder = Folder::take(top)?;
        let capacity = match bytes {
            Some(bytes) => bytes,
            None => USUAL.min(folder.disk()? / 10),
        };
        let shelf = Shelf::new(capacity);
        let mut found = folder.list()?;
        let mut taken: u64 = found.iter().map(|found| layout::file_length(found.size)).sum();
        // The capacity may have been larger before.
        let superfluous = found.iter().take_while(|found| {
            let over = taken > capacity;
            if over {
                taken -= layout::file_length(found.size);
                folder.remove(&found.digest);
            }
            over
        });
        let superfluous = superfluous.count();
        shelf.restore(found.split_off(superfluous));
        let disk = Arc::new(Disk { folder, shelf, spare });
        Ok(Self { origin, disk, checked: Arc::default(), flights: Arc::default() })
    }

    /// Finds the copy of a blob that is to be read whole, or begins to fill one. `None` if there is and will be none.
    pub(super) async fn view(&self, wanted: &Wanted) -> Option<View> {
        if self.origin.repository().is_none() && !self.disk.takes(wanted.size) {
            return None;
        }
        // A copy that proves damaged is filled anew.
        for _ in 0..2 {
            match self.flights.board(&wanted.digest, || self.lookup(wanted)) {
                Boarding::Found(found) => {
                    if let Some(view) = self.open_found(found).await {
                        return Some(view);
                    }
                }
                Boarding::Joined(receiver) => return Some(View::Filling(receiver)),
                Boarding::First(flight, receiver) => {
                    let (origin, disk) = (self.origin.clone(), Arc::clone(&self.disk));
                    let (checked, wanted) = (Arc::clone(&self.checked), wanted.clone());
                    let fill = Fill { origin, disk, checked, flight, wanted };
                    // A shutdown need not wait for it: what is not complete has no name yet, and the next start removes it.
                    tokio::spawn(trace::within(trace::current(), fill.run()));
                    return Some(View::Filling(receiver));
                }
                Boarding::Crowded => return None,
            }
        }
        None
    }

    /// Finds the copy of a blob of which a range is to be read.
    pub(super) async fn find(&self, wanted: &Wanted) -> Option<View> {
        self.open_found(self.lookup(wanted)?).await
    }

    fn lookup(&self, wanted: &Wanted) -> Option<Found> {
        let digest = &wanted.digest;
        let blocks = self.checked.find(digest).map(Found::Blocks);
        blocks.or_else(|| self.disk.shelf.find(digest).map(Found::Copy))
    }

    async fn open_found(&self, found: Found) -> Option<View> {
        let (view, source) = match found {
            Found::Blocks(stored) => (View::Complete(stored, None), BlobSource::Blocks),
            Found::Copy(entry) => (self.open_entry(entry).await?, BlobSource::Copy),
        };
        metrics::blob_read(source);
        Some(view)
    }

    /// Opens a copy, whose file all of its readers share. Drops it if it is damaged.
    async fn open_entry(&self, entry: Arc<Entry>) -> Option<View> {
        if let Some(stored) = entry.opened() {
            return Some(View::Complete(stored, Some(entry)));
        }
        let path = self.disk.folder.path_of(&entry.digest);
        let size = entry.size;
        let opened =
            spawn_blocking(move || Stored::open(&path, size)).await.unwrap_or(Err(Damaged));
        match opened.map(Arc::new) {
            Ok(stored) => {
                entry.share(&stored);
                Some(View::Complete(stored, Some(entry)))
            }
            Err(Damaged) => {
                self.discard(entry).await;
                None
            }
        }
    }

    /// Drops a copy that proved damaged.
    pub(super) async fn discard(&self, entry: Arc<Entry>) {
        if !self.disk.shelf.drop_copy(&entry) {
            return;
        }
        let digest = &entry.digest;
        metrics::blob_cache_damaged();
        warn!(
            event = "blob_copy_damaged", %digest,
            "the copy of a layer in the data directory was damaged; it is dropped and the layer is read from Kubo. If this \
             comes again, look at the disk"
        );
        let disk = Arc::clone(&self.disk);
        // A file that stays would be found by the next start, and dropped when it is read.
        let _ = spawn_blocking(move || disk.folder.remove(&entry.digest)).await;
    }
}

impl View {
    /// The file, and how far it can be read. `None` while the first bytes are to come.
    pub(super) fn readable(&self) -> Result<Option<(Arc<Stored>, u64)>, Failure> {
        match self {
            Self::Complete(stored, _) => Ok(Some((Arc::clone(stored), stored.size()))),
            Self::Filling(receiver) => match &*receiver.borrow() {
                Progress::Opening => Ok(None),
                Progress::Written(stored, end) => Ok(Some((Arc::clone(stored), *end))),
                Progress::Complete(stored, _) => Ok(Some((Arc::clone(stored), stored.size()))),
                Progress::Failed(failure) => Err(failure.clone()),
            },
        }
    }

    /// Waits until more can be read than before. Returns at once if nothing will come any more.
    pub(super) async fn advanced(&mut self) -> Result<(), Failure> {
        match self {
            Self::Complete(..) => Ok(()),
            // The task ended without a word: it panicked.
            Self::Filling(receiver) => receiver.changed().await.map_err(|_| Failure::Disk),
        }
    }

    /// The entry of a copy that is complete.
    pub(super) fn entry(&self) -> Option<Arc<Entry>> {
        match self {
            Self::Complete(_, entry) => entry.clone(),
            Self::Filling(receiver) => match &*receiver.borrow() {
                Progress::Complete(_, entry) => entry.clone(),
                _ => None,
            },
        }
    }
}

impl Entry {
    fn opened(&self) -> Option<Arc<Stored>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn share(&self, stored: &Arc<Stored>) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(stored);
    }
}
