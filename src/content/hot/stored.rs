//! The bytes of a layer on the disk: an open copy, complete or being filled, or the files in which Kubo keeps its leaves.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::Advice;

use super::layout::{self, PIECE};
use crate::content::local::Leaves;
use crate::content::pages::read_now;
use crate::ipld::Cid;

/// Age of the time of a file from which on a read of it sets the time anew: a restart evicts by these times.
const TOUCHED: Duration = Duration::from_secs(60);

/// The bytes on the disk differ from those that the checksums were taken of, or are gone.
#[derive(Debug)]
pub(super) struct Damaged;

/// The bytes of a blob, and the checksums of its pieces.
#[derive(Debug)]
pub(super) struct Stored {
    place: Place,
    size: u64,
    /// Those of a copy that is being filled are set piece by piece, before anybody is told of the piece.
    sums: Box<[AtomicU64]>,
}

#[derive(Debug)]
enum Place {
    Copy(Arc<File>),
    Leaves(Arc<Leaves>),
}

impl Stored {
    /// A new file that is to be filled.
    pub(super) fn copy(file: Arc<File>, size: u64) -> Self {
        Self::summing(Place::Copy(file), size)
    }

    /// Leaves whose checksums are to be taken.
    pub(super) fn leaves(leaves: Arc<Leaves>, size: u64) -> Self {
        Self::summing(Place::Leaves(leaves), size)
    }

    fn summing(place: Place, size: u64) -> Self {
        let sums = (0..layout::pieces(size)).map(|_| AtomicU64::new(0)).collect();
        Self { place, size, sums }
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        let leaves = match &self.place {
            Place::Copy(_) => 0,
            Place::Leaves(leaves) => leaves.count(),
        };
        size_of::<Self>() + size_of_val(&*self.sums) + leaves * size_of::<Cid>()
    }

    /// Opens the file of a complete copy. Blocks.
    pub(super) fn open(path: &Path, size: u64) -> Result<Self, Damaged> {
        let gone = |_: io::Error| Damaged;
        let file = File::open(path).map_err(gone)?;
        let found = file.metadata().map_err(gone)?;
        if found.len() != layout::file_length(size) {
            return Err(Damaged);
        }
        let mut trailer = vec![0; usize::try_from(found.len() - size).map_err(|_| Damaged)?];
        file.read_exact_at(&mut trailer, size).map_err(gone)?;
        let sums = layout::parse_trailer(&trailer).ok_or(Damaged)?;
        let age = found.modified().ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > TOUCHED) {
            // A time that cannot be set only makes the copy look older after a restart.
            let _ = file.set_modified(SystemTime::now());
        }
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        let sums = sums.into_iter().map(AtomicU64::new).collect();
        Ok(Self { place: Place::Copy(Arc::new(file)), size, sums })
    }

    /// Length of the blob in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Notes the checksum of the piece that begins at `at`.
    pub(super) fn note(&self, at: u64, sum: u64) {
        if let Some(noted) = usize::try_from(at / PIECE).ok().and_then(|n| self.sums.get(n)) {
            noted.store(sum, Ordering::Release);
        }
    }

    /// What makes a copy complete, behind the bytes of the blob.
    pub(super) fn trailer(&self) -> Vec<u8> {
        layout::trailer(self.sums.iter().map(|sum| sum.load(Ordering::Acquire)))
    }

    /// Reads pieces that are in memory already, without waiting for the disk. `None` if they are not.
    pub(super) fn read_now(&self, at: u64, into: &mut [u8]) -> Option<Result<(), Damaged>> {
        match &self.place {
            Place::Copy(file) => (read_now(file, at, into) == into.len()).then_some(())?,
            Place::Leaves(leaves) => leaves.read_now(at, into)?,
        }
        Some(self.check(at, into))
    }

    /// Reads pieces. Blocks.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Damaged> {
        let read = match &self.place {
            Place::Copy(file) => file.read_exact_at(into, at),
            Place::Leaves(leaves) => leaves.read(at, into),
        };
        read.map_err(|_| Damaged)?;
        self.check(at, into)
    }

    /// Compares pieces, of which the first begins at `at`, with their checksums.
    fn check(&self, at: u64, bytes: &[u8]) -> Result<(), Damaged> {
        let first = usize::try_from(at / PIECE).map_err(|_| Damaged)?;
        let sums = self.sums.get(first..).ok_or(Damaged)?;
        let mut pieces = bytes.chunks(PIECE as usize).zip(sums);
        let sound =
            pieces.all(|(piece, sum)| layout::checksum(piece) == sum.load(Ordering::Acquire));
        if sound { Ok(()) } else { Err(Damaged) }
    }

    /// The pieces from the one that holds `at` on, at most as many as `most` bytes and none beyond `end`.
    pub(super) fn span(at: u64, most: usize, end: u64) -> Range<u64> {
        let start = at / PIECE * PIECE;
        start..end.min(start + most as u64)
    }
}
