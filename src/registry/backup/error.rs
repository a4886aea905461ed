//! The error of backups.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::ipfs::IpfsError;
use crate::store::{LoadError, StoreError};

/// Why a backup could not be made or restored. Each message is one line.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are their names")]
pub enum BackupError {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    /// Another process writes into the directory.
    #[error("another backup is being written into {}: wait for its end, or choose another directory", .0.display())]
    Busy(PathBuf),
    /// A file is not what was written.
    #[error("{} {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    /// PostgreSQL failed, or its answer makes no sense.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database does not take the rows.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Kubo failed, or does not answer.
    #[error(transparent)]
    Ipfs(#[from] IpfsError),
}

impl BackupError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }
}
