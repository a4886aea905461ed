//! Why a block is not read from its file.

use std::fs::Metadata;
use std::io;

use thiserror::Error;

use crate::ipfs::IpfsError;
use crate::ipld::Cid;
use crate::ipld::dag::Leaf;

/// Why a block is not read from its file.
#[derive(Debug, Error)]
pub(in crate::content) enum Miss {
    /// There is no file. Kubo does not have the block, has collected it just now, or keeps it elsewhere.
    #[error("the file of block {0} is missing")]
    Missing(Cid),
    /// The permissions of the file or of a directory above it do not let this process read it.
    #[error("this process may not read the file of block {0}")]
    Denied(Cid),
    /// The file has another length than the tree says, or the node has another form than the import profile gives it.
    #[error("block {0} is not what this registry expects: {1}")]
    Odd(Cid, String),
    /// The file cannot be read for another reason.
    #[error("the file of block {0} cannot be read: {1}")]
    Io(Cid, io::Error),
    /// The bytes do not hash to the CID. Kubo would serve them, so it is not asked for them.
    #[error("the file of block {0} holds other bytes than its CID says")]
    Damaged(Cid),
}

/// Compares the length of the file of a leaf with that of the leaf.
pub(super) fn compare_length(leaf: &Leaf, file: io::Result<Metadata>) -> Result<(), Miss> {
    let Leaf { cid, size } = *leaf;
    match file.map_err(|error| Miss::of(cid, error))?.len() {
        found if found == size => Ok(()),
        found => Err(Miss::Odd(cid, format!("its file has {found} bytes, not {size}"))),
    }
}

impl Miss {
    pub(super) fn of(cid: Cid, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(cid),
            io::ErrorKind::PermissionDenied => Self::Denied(cid),
            io::ErrorKind::UnexpectedEof => Self::Odd(cid, "its file is too short".to_owned()),
            _ => Self::Io(cid, error),
        }
    }

    /// The reason as a label of a metric.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Denied(_) => "denied",
            Self::Odd(..) => "odd",
            Self::Io(..) => "io",
            Self::Damaged(_) => "damaged",
        }
    }

    /// The error of a read that must not go on by asking Kubo.
    pub(in crate::content) fn fatal(&self) -> Option<IpfsError> {
        matches!(self, Self::Damaged(_)).then(|| IpfsError::Broken(self.to_string()))
    }
}
