//! Files and the page cache of the system.

use std::fs::File;
use std::io::IoSliceMut;

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// Bytes of a file that are read and hashed together: few enough to stay in a processor's cache.
pub(super) const TOGETHER: usize = 128 * 1024;

/// Has the system read a file that is needed soon. Only advice: where it is not taken, the reads wait for the disk.
pub(super) fn expect(file: &File) {
    let _ = fadvise(file, 0, None, Advice::WillNeed);
}

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
