//! An open copy, complete or being filled.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::layout::{self, PIECE};

/// Age of the time of a file from which on a read of it sets the time anew: a restart evicts by these times.
const TOUCHED: Duration = Duration::from_secs(60);

/// The bytes of a copy on the disk differ from those that were written.
#[derive(Debug)]
pub(super) struct Damaged;

/// An open file with the bytes of a blob, and the checksums of its pieces.
#[derive(Debug)]
pub(super) struct Stored {
    file: File,
    size: u64,
    /// Those of a copy that is being filled are set piece by piece, before anybody is told of the piece.
    sums: Box<[AtomicU64]>,
}

impl Stored {
    /// A new file that is to be filled.
    pub(super) fn new(file: File, size: u64) -> Self {
        let sums = (0..layout::pieces(size)).map(|_| AtomicU64::new(0)).collect();
        Self { file, size, sums }
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
        Ok(Self { file, size, sums: sums.into_iter().map(AtomicU64::new).collect() })
    }

    /// Length of the blob in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Writes bytes of the blob. Blocks.
    pub(super) fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    /// Notes the checksum of the piece that begins at `at`.
    pub(super) fn note(&self, at: u64, sum: u64) {
        if let Some(noted) = usize::try_from(at / PIECE).ok().and_then(|n| self.sums.get(n)) {
            noted.store(sum, Ordering::Release);
        }
    }

    /// Writes what makes the copy complete. Blocks.
    pub(super) fn seal(&self) -> io::Result<()> {
        let sums = self.sums.iter().map(|sum| sum.load(Ordering::Acquire));
        self.write(&layout::trailer(sums), self.size)
    }

    /// Reads pieces that are in memory already, without waiting for the disk. `None` if they are not.
    pub(super) fn read_now(&self, at: u64, into: &mut [u8]) -> Option<Result<(), Damaged>> {
        let length = into.len();
        let read = loop {
            match preadv2(&self.file, &mut [IoSliceMut::new(into)], at, ReadWriteFlags::NOWAIT) {
                Err(Errno::INTR) => {}
                other => break other.ok()?,
            }
        };
        (read == length).then(|| self.check(at, into))
    }

    /// Reads pieces. Blocks.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Damaged> {
        self.file.read_exact_at(into, at).map_err(|_| Damaged)?;
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
