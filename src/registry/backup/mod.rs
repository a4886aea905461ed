//! Backups: all rows as they were at one moment, in one file, and the bytes of all blobs, in an archive of blocks each.
//!
//! | path in the directory | content |
//! |---|---|
//! | `registry.backup` | the rows; its last line has the hash of all before it |
//! | `cids` | the CID of every blob, one a line |
//! | `blobs/xy/CID.car` | the blocks of a blob (CARv1), named by its CID |
//!
//! Every file is written under another name, synced and renamed, so that a file with its name is whole. `registry.backup`
//! comes last. The form of its rows is that of PostgreSQL's COPY, so a person can read it.

mod archive;
mod error;
mod file;
mod restore;
mod save;

pub use error::BackupError;
pub use restore::{Restore, Restored};
pub use save::{Save, Saved};

use std::path::Path;

/// Blobs that are worked on at the same time. Most are small, and each needs several answers of Kubo.
const AT_ONCE: usize = 8;

/// How far a backup or its restoration has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Blobs that are done.
    pub blobs: u64,
    /// Blobs in all.
    pub of: u64,
    /// Bytes of the blobs that are done.
    pub bytes: u64,
}

/// Makes the names in a directory survive a crash of the machine.
fn sync(directory: &Path) -> std::io::Result<()> {
    std::fs::File::open(directory)?.sync_all()
}
