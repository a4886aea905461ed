//! Filling a copy, in a task that no client can hold up or end.

use std::hash::Hasher as _;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{info, warn};
use twox_hash::XxHash3_64;

use super::flights::{Failure, Flight, Progress};
use super::folder::{Draft, Folder};
use super::layout::{self, PIECE};
use super::shelf::{Room, Shelf};
use super::stored::Stored;
use crate::content::origin::Origin;
use crate::content::wanted::Wanted;
use crate::ipfs::IpfsError;
use crate::stream::hashing::Hasher;
use crate::telemetry::metrics::{self, FillEnd};

/// Bytes that are hashed and written at once, while the next ones are read.
const BATCH: usize = 512 * 1024;

/// What may be left of a copy when its last client goes away, so that it is filled to its end all the same: a client that
/// comes back needs it. More would let clients cause reads that nobody waits for.
const KEPT_ON: u64 = 64 << 20;

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
    pub(super) flight: Flight,
    pub(super) wanted: Wanted,
}

/// The file of a copy and its space on the disk.
struct Begun {
    stored: Arc<Stored>,
    draft: Draft,
    room: Room,
}

impl Fill {
    /// Fills the copy, and tells its readers how that goes.
    pub(super) async fn run(self) {
        match self.fill().await {
            Ok(None) => {
                metrics::blob_cache_filled(FillEnd::Abandoned);
            }
            Ok(Some(stored)) => {
                metrics::blob_cache_filled(FillEnd::Stored);
                let entry = self.disk.shelf.peek(&self.wanted.digest);
                self.flight.end(Progress::Complete(stored, entry));
            }
            Err(failure) => {
                let refused = matches!(failure, Failure::Disk);
                let end = if refused { FillEnd::Refused } else { FillEnd::Failed };
                metrics::blob_cache_filled(end);
                self.flight.end(Progress::Failed(failure));
            }
        }
    }

    /// Fills the copy and puts it on the shelf. `None` if nobody waits for it any more.
    async fn fill(&self) -> Result<Option<Arc<Stored>>, Failure> {
        let begun = self.begin().await?;
        let body = self.origin.open(&self.wanted, None).await.map_err(Failure::Origin)?;
        self.flight.tell(Progress::Written(Arc::clone(&begun.stored), 0));
        let mut body = pin!(body);
        let mut writer = Writing::Idle(Writer::begin(&self.wanted, &begun.stored));
        let (mut batch, mut gathered) = (Vec::new(), 0);
        let mut left = self.wanted.size;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Failure::Origin)?.into_data() else { continue };
            left = left.checked_sub(data.len() as u64).ok_or_else(|| self.odd())?;
            gathered += data.len();
            batch.push(data);
            if gathered >= BATCH {
                gathered = 0;
                let idle = self.written(writer, &begun).await?;
                writer = Writing::Busy(idle.append(std::mem::take(&mut batch)));
                if left > KEPT_ON && self.flight.is_deserted() {
                    return Ok(None);
                }
            }
        }
        if left > 0 {
            return Err(self.odd());
        }
        let idle = self.written(writer, &begun).await?;
        let idle = self.written(Writing::Busy(idle.append(batch)), &begun).await?;
        let actual = idle.hasher.finish();
        if actual != self.wanted.digest {
            return Err(Failure::Wrong(actual));
        }
        self.complete(begun).await.map(Some)
    }

    /// Makes room and a file.
    async fn begin(&self) -> Result<Begun, Failure> {
        let (disk, size) = (Arc::clone(&self.disk), self.wanted.size);
        let begun = spawn_blocking(move || disk.begin(size)).await;
        begun.ok().flatten().ok_or(Failure::Disk)
    }

    /// Waits for the bytes that are being written, and tells the readers.
    async fn written(&self, writing: Writing, begun: &Begun) -> Result<Box<Writer>, Failure> {
        let writer = match writing {
            Writing::Idle(writer) => return Ok(writer),
            Writing::Busy(task) => task.await.map_err(|_| Failure::Disk)?,
        };
        let writer = writer.map_err(|error| self.refused(&error))?;
        self.flight.tell(Progress::Written(Arc::clone(&begun.stored), writer.readable()));
        Ok(writer)
    }

    /// Gives the file its name and puts the copy on the shelf.
    async fn complete(&self, begun: Begun) -> Result<Arc<Stored>, Failure> {
        let (disk, digest) = (Arc::clone(&self.disk), self.wanted.digest.clone());
        let Begun { stored, draft, room } = begun;
        let sealed = spawn_blocking(move || {
            stored.seal()?;
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
    fn begin(&self, size: u64) -> Option<Begun> {
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
        Some(Begun { stored: Arc::new(Stored::new(file, size)), draft, room })
    }
}

/// Hashes the bytes of a copy and writes them.
struct Writer {
    stored: Arc<Stored>,
    hasher: Hasher,
    /// The checksum of the piece that is not complete.
    piece: XxHash3_64,
    at: u64,
}

/// A writer, or the task that it works in.
enum Writing {
    Idle(Box<Writer>),
    Busy(JoinHandle<io::Result<Box<Writer>>>),
}

impl Writer {
    fn begin(wanted: &Wanted, stored: &Arc<Stored>) -> Box<Self> {
        let hasher = Hasher::new(wanted.digest.algorithm());
        Box::new(Self { stored: Arc::clone(stored), hasher, piece: XxHash3_64::new(), at: 0 })
    }

    /// Appends frames, on a thread that may block: a disk that is busy makes writers wait.
    fn append(mut self: Box<Self>, frames: Vec<Bytes>) -> JoinHandle<io::Result<Box<Self>>> {
        spawn_blocking(move || {
            for frame in frames {
                self.hasher.update(&frame);
                self.stored.write(&frame, self.at)?;
                self.sum(&frame);
            }
            Ok(self)
        })
    }

    /// Adds bytes to the checksums of their pieces.
    fn sum(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = PIECE - self.at % PIECE;
            let (now, rest) = bytes.split_at(bytes.len().min(space as usize));
            self.piece.write(now);
            self.at += now.len() as u64;
            if self.at.is_multiple_of(PIECE) || self.at == self.stored.size() {
                let sum = std::mem::replace(&mut self.piece, XxHash3_64::new()).finish();
                self.stored.note((self.at - 1) / PIECE * PIECE, sum);
            }
            bytes = rest;
        }
    }

    /// Where the pieces end that readers may have: complete ones, and not the last, which waits for the digest.
    fn readable(&self) -> u64 {
        self.at.min(self.stored.size() - 1) / PIECE * PIECE
    }
}
