//! Reading what the system has in memory already.

use std::fs::File;
use std::io::IoSliceMut;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// Reads bytes of a file that are in the page cache, and does not wait for the disk. Returns how many, which may be none; some
/// file systems do not offer it.
pub(super) fn read_now(file: &File, at: u64, into: &mut [u8]) -> usize {
    loop {
        match preadv2(file, &mut [IoSliceMut::new(into)], at, ReadWriteFlags::NOWAIT) {
            Err(Errno::INTR) => {}
            other => return other.unwrap_or(0),
        }
    }
}
