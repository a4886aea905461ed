//! Filling a copy, in a task that no client can hold up or end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use super::checked::Checked;
use super::flights::{Failure, Flight, Progress};
use super::folder::{Draft, Folder};
use super::layout;
use super::shelf::{Room, Shelf};
use super::stored::Stored;
use super::tally::Tally;
use crate::content::local::Leaves;
use crate::content::origin::Origin;
use crate::content::pages::TOGETHER;
use crate::content::wanted::Wanted;
use crate::ipfs::IpfsError;
use crate::ipld::profile::LEAF_BYTES;
use crate::stream::bulk::spawn_blocking;
use crate::telemetry::metrics::{self, FillEnd};

/// Bytes that are hashed and written at once, while the next ones are read.
const BATCH: usize = 512 * 1024;

/// What may be left of a copy when its last client goes away, so that it is filled to its end all the same: a client that
/// comes back needs it. More would let clients cause reads that nobody waits for.
const KEPT_ON: u64 = 64 << 20;

/// The part of the cache that one blob may take.
const SHARE: u64 = 2;

/// The disk of the copies, and what is on it.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) folder: Folder,
    pub(super) shelf: Shelf,
    /// Space that stays free on it.
    pub(super) spare: u64,
}

/// A copy that is to be filled.
pub(super) struct Fill {
    pub(super) origin: Origin,
    pub(super) disk: Arc<Disk>,
    pub(super) checked: Arc<Checked>,
    pub(super) flight: Flight,
    pub(super) wanted: Wanted,
}

/// What readers read, and where its bytes come from.
enum Begun {
    /// The files that Kubo has of the blob.
    Blocks(Arc<Stored>, Arc<Leaves>),
    Copy(NewCopy),
}

/// A copy without a name, and its space on the disk.
struct NewCopy {
    stored: Arc<Stored>,
    file: Arc<File>,
    draft: Draft,
    room: Room,
}

impl Fill {
    /// Fills the copy, and tells its readers how that goes.
    pub(super) async fn run(self) {
        let fill = Arc::new(self);
        match fill.fill().await {
            Ok(None) => {
                metrics::blob_cache_filled(FillEnd::Abandoned);
            }
            Ok(Some(stored)) => {
                metrics::blob_cache_filled(FillEnd::Stored);
                let entry = fill.disk.shelf.peek(&fill.wanted.digest);
                fill.flight.end(Progress::Complete(stored, entry));
            }
            Err(failure) => {
                let end = match failure {
                    Failure::Disk => FillEnd::Refused,
                    Failure::Unread => FillEnd::Unread,
                    Failure::Origin(_) | Failure::Wrong(_) => FillEnd::Failed,
                };
                metrics::blob_cache_filled(end);
                fill.flight.end(Progress::Failed(failure));
            }
        }
    }

    /// Makes the layer readable. `None` if nobody waits for it any more.
    async fn fill(self: &Arc<Self>) -> Result<Option<Arc<Stored>>, Failure> {
        match self.begin().await? {
            Begun::Blocks(stored, leaves) => self.check(stored, leaves).await,
            Begun::Copy(copy) => self.copy(copy).await,
        }
    }

    /// Fills the copy and puts it on the shelf.
    async fn copy(&self, copy: NewCopy) -> Result<Option<Arc<Stored>>, Failure> {
        let body = self.origin.open(&self.wanted, None).await.map_err(Failure::Origin)?;
        let tally = Tally::begin(&self.wanted, &copy.stored);
        self.flight.tell(tally.progress());
        let mut body = pin!(body);
        let mut writer = Writing::Idle(Box::new(Writer { tally, file: Arc::clone(&copy.file) }));
        let (mut batch, mut gathered) = (Vec::new(), 0);
        let mut left = self.wanted.size;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Failure::Origin)?.into_data() else { continue };
            left = left.checked_sub(data.len() as u64).ok_or_else(|| self.odd())?;
            gathered += data.len();
            batch.push(data);
            if gathered >= BATCH {
                gathered = 0;
                let idle = self.written(writer).await?;
                writer = Writing::Busy(idle.append(std::mem::take(&mut batch)));
                if left > KEPT_ON && self.flight.is_deserted() {
                    return Ok(None);
                }
            }
        }
        if left > 0 {
            return Err(self.odd());
        }
        let idle = self.written(writer).await?;
        let idle = self.written(Writing::Busy(idle.append(batch))).await?;
        idle.tally.finish()?;
        self.complete(copy).await.map(Some)
    }

    /// Hashes the files that Kubo has of the blob, and takes their checksums. All of it happens on one thread that may block,
    /// because handing the bytes from thread to thread costs more than reading them.
    async fn check(
        self: &Arc<Self>,
        stored: Arc<Stored>,
        leaves: Arc<Leaves>,
    ) -> Result<Option<Arc<Stored>>, Failure> {
        let fill = Arc::clone(self);
        let checking = spawn_blocking(move || {
            let mut tally = Tally::begin(&fill.wanted, &stored);
            let mut together = vec![0; TOGETHER];
            fill.flight.tell(tally.progress());
            while tally.at() < stored.size() {
                let (at, left) = (tally.at(), stored.size() - tally.at());
                let length = usize::try_from(left).map_or(TOGETHER, |left| left.min(TOGETHER));
                let bytes = &mut together[..length];
                if at.is_multiple_of(LEAF_BYTES) {
                    leaves.expect(at + LEAF_BYTES);
                }
                leaves.read(at, bytes).map_err(|error| fill.unread(&error))?;
                tally.add(bytes);
                if tally.at().is_multiple_of(BATCH as u64) {
                    fill.flight.tell(tally.progress());
                    if left > KEPT_ON && fill.flight.is_deserted() {
                        return Ok(None);
                    }
                }
            }
            let stored = tally.finish()?;
            fill.checked.put(fill.wanted.digest.clone(), Arc::clone(&stored));
            Ok(Some(stored))
        });
        checking.await.unwrap_or(Err(Failure::Unread))
    }

    fn unread(&self, error: &io::Error) -> Failure {
        let digest = &self.wanted.digest;
        debug!(event = "blob_not_checked", %digest, %error, "a file of Kubo could not be read: {error}");
        Failure::Unread
    }

    /// Finds the files that Kubo has of the blob, or makes room and a file for a copy.
    async fn begin(&self) -> Result<Begun, Failure> {
        let (disk, repository) = (Arc::clone(&self.disk), self.origin.repository().cloned());
        let Wanted { cid, size, .. } = self.wanted;
        let begun = spawn_blocking(move || {
            let leaves = repository.and_then(|repository| Leaves::find(&repository, cid, size));
            match leaves {
                Some(leaves) => {
                    let leaves = Arc::new(leaves);
                    let stored = Arc::new(Stored::leaves(Arc::clone(&leaves), size));
                    Some(Begun::Blocks(stored, leaves))
                }
                None => disk.begin(size).map(Begun::Copy),
            }
        });
        begun.await.ok().flatten().ok_or(Failure::Disk)
    }

    /// Waits for the bytes that are being written, and tells the readers.
    async fn written(&self, writing: Writing) -> Result<Box<Writer>, Failure> {
        let writer = match writing {
            Writing::Idle(writer) => return Ok(writer),
            Writing::Busy(task) => task.await.map_err(|_| Failure::Disk)?,
        };
        let writer = writer.map_err(|error| self.refused(&error))?;
        self.flight.tell(writer.tally.progress());
        Ok(writer)
    }

    /// Gives the file its name and puts the copy on the shelf.
    async fn complete(&self, copy: NewCopy) -> Result<Arc<Stored>, Failure> {
        let (disk, digest) = (Arc::clone(&self.disk), self.wanted.digest.clone());
        let NewCopy { stored, file, draft, room } = copy;
        let sealed = spawn_blocking(move || {
            file.write_all_at(&stored.trailer(), stored.size())?;
            disk.folder.keep(draft, &digest)?;
            disk.shelf.put(digest, &stored, room);
            Ok(stored)
        });
        sealed.await.map_err(|_| Failure::Disk)?.map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &io::Error) -> Failure {
        warn!(
            event = "blob_not_cached", digest = %self.wanted.digest, %error,
            "a copy of a layer could not be written to the data directory, and the layer is read from Kubo: {error}"
        );
        Failure::Disk
    }

    fn odd(&self) -> Failure {
        let Wanted { cid, size, .. } = &self.wanted;
        Failure::Origin(IpfsError::Broken(format!("{cid} does not have {size} bytes")))
    }
}

impl Disk {
    /// Makes room and a file for a blob of this size. Blocks. `None` if there is no space, which is no fault: the blob is
    /// read from its origin.
    fn begin(&self, size: u64) -> Option<NewCopy> {
        if !self.takes(size) {
            return None;
        }
        let bytes = layout::file_length(size);
        let (room, evicted) = self.shelf.make_room(bytes)?;
        for digest in evicted {
            self.folder.remove(&digest);
        }
        let free = self.folder.free().ok()?;
        if free < self.spare.saturating_add(bytes) {
            info!(
                event = "blob_not_cached",
                free,
                spare = self.spare,
                bytes,
                "the disk of the data directory has too little space for a copy of a layer, and the layer is read from Kubo"
            );
            return None;
        }
        let (file, draft) = self.folder.draft().ok()?;
        let file = Arc::new(file);
        let stored = Arc::new(Stored::copy(Arc::clone(&file), size));
        Some(NewCopy { stored, file, draft, room })
    }

    /// Whether a blob of this size may have a copy.
    pub(super) fn takes(&self, size: u64) -> bool {
        size <= self.shelf.capacity() / SHARE
    }
}

/// Hashes the bytes of a copy and writes them.
struct Writer {
    tally: Tally,
    file: Arc<File>,
}

/// A writer, or the task that it works in.
enum Writing {
    Idle(Box<Writer>),
    Busy(JoinHandle<io::Result<Box<Writer>>>),
}

impl Writer {
    /// Appends frames, on a thread that may block: a disk that is busy makes writers wait.
    fn append(mut self: Box<Self>, frames: Vec<Bytes>) -> JoinHandle<io::Result<Box<Self>>> {
        spawn_blocking(move || {
            for frame in frames {
                self.file.write_all_at(&frame, self.tally.at())?;
                self.tally.add(&frame);
            }
            Ok(self)
        })
    }
}
