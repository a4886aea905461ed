//! Filling a copy, in a task that no client can hold up or end.

use std::hash::Hasher as _;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{debug, info, warn};
use twox_hash::XxHash3_64;

use super::checked::Checked;
use super::flights::{Failure, Flight, Progress};
use super::folder::{Draft, Folder};
use super::layout::{self, PIECE};
use super::shelf::{Room, Shelf};
use super::stored::Stored;
use crate::content::local::Leaves;
use crate::content::origin::Origin;
use crate::content::wanted::Wanted;
use crate::ipfs::IpfsError;
use crate::stream::hashing::Hasher;
use crate::telemetry::metrics::{self, FillEnd};

/// Bytes that are hashed and written at once, while the next ones are read.
const BATCH: usize = 512 * 1024;

/// Bytes of Kubo's files that are read and hashed together: few enough to stay in a processor's cache.
const TOGETHER: usize = 128 * 1024;

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

/// What readers read, and for a copy its file and its space on the disk.
struct Begun {
    stored: Arc<Stored>,
    copy: Option<(Draft, Room)>,
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
                let refused = matches!(failure, Failure::Disk);
                let end = if refused { FillEnd::Refused } else { FillEnd::Failed };
                metrics::blob_cache_filled(end);
                fill.flight.end(Progress::Failed(failure));
            }
        }
    }

    /// Fills the copy and puts it on the shelf. `None` if nobody waits for it any more.
    async fn fill(self: &Arc<Self>) -> Result<Option<Arc<Stored>>, Failure> {
        let begun = self.begin().await?;
        if begun.copy.is_none() {
            return self.check(begun).await;
        }
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

    /// Hashes the files that Kubo has of the blob, and takes their checksums. All of it happens on one thread that may block,
    /// because handing the bytes from thread to thread costs more than reading them.
    async fn check(self: &Arc<Self>, begun: Begun) -> Result<Option<Arc<Stored>>, Failure> {
        let fill = Arc::clone(self);
        let checking = spawn_blocking(move || {
            let stored = begun.stored;
            let mut writer = Writer::begin(&fill.wanted, &stored);
            let mut piece = vec![0; TOGETHER];
            fill.flight.tell(Progress::Written(Arc::clone(&stored), 0));
            while writer.at < stored.size() {
                let left = stored.size() - writer.at;
                let length = usize::try_from(left).map_or(TOGETHER, |left| left.min(TOGETHER));
                let bytes = &mut piece[..length];
                let read = stored.read_unchecked(writer.at, bytes);
                read.ok_or(Failure::Disk)?.map_err(|error| fill.unread(&error))?;
                writer.hasher.update(bytes);
                writer.sum(bytes);
                if writer.at.is_multiple_of(BATCH as u64) {
                    let readable = writer.readable();
                    fill.flight.tell(Progress::Written(Arc::clone(&stored), readable));
                    if left > KEPT_ON && fill.flight.is_deserted() {
                        return Ok(None);
                    }
                }
            }
            let actual = writer.hasher.finish();
            if actual != fill.wanted.digest {
                return Err(Failure::Wrong(actual));
            }
            fill.checked.put(fill.wanted.digest.clone(), Arc::clone(&stored));
            Ok(Some(stored))
        });
        checking.await.unwrap_or(Err(Failure::Disk))
    }

    fn unread(&self, error: &io::Error) -> Failure {
        let digest = &self.wanted.digest;
        debug!(event = "blob_not_checked", %digest, %error, "a file of Kubo could not be read: {error}");
        Failure::Disk
    }

    /// Finds the files that Kubo has of the blob, or makes room and a file for a copy.
    async fn begin(&self) -> Result<Begun, Failure> {
        let (disk, repository) = (Arc::clone(&self.disk), self.origin.repository().cloned());
        let Wanted { cid, size, .. } = self.wanted;
        let begun = spawn_blocking(move || {
            let leaves = repository.and_then(|repository| Leaves::find(&repository, cid, size));
            match leaves {
                Some(leaves) => {
                    let stored = Arc::new(Stored::leaves(leaves, size));
                    Some(Begun { stored, copy: None })
                }
                None => disk.begin(size),
            }
        });
        begun.await.ok().flatten().ok_or(Failure::Disk)
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
        let Begun { stored, copy } = begun;
        let Some((draft, room)) = copy else { return Ok(stored) };
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
        Some(Begun { stored: Arc::new(Stored::new(file, size)), copy: Some((draft, room)) })
    }

    /// Whether a blob of this size may have a copy.
    pub(super) fn takes(&self, size: u64) -> bool {
        size <= self.shelf.capacity() / SHARE
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
