//! The data directory, which one process uses at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::error::EmbeddedError;

/// Longest wait for the lock. A server that was just killed may hold it for a moment.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

/// The word after the process id in a lock file that a command holds, which will end soon.
const COMMAND: &str = "command";

/// The kind of process that uses a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenant {
    /// A server, which runs until it is told to stop.
    Server,
    /// A command of the operator, which ends soon.
    Command,
}

/// A data directory that no other process uses while this value lives.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// Held by flock(2). The kernel releases it when the process ends for any reason, so a lock file that was left behind
    /// locks nothing.
    _lock: File,
}

impl DataDir {
    /// Creates the directory if needed and takes its lock, for a server.
    ///
    /// # Errors
    /// [`EmbeddedError::Locked`] when another process holds the lock, [`EmbeddedError::Io`] when the file system refuses.
    pub(super) async fn open(path: &Path) -> Result<Self, EmbeddedError> {
        Self::open_as(Tenant::Server, path, PATIENCE).await
    }

    /// As [`DataDir::open`], for any kind of process. Waits up to `patience` for the lock.
    ///
    /// # Errors
    /// As [`DataDir::open`].
    pub(super) async fn open_as(
        tenant: Tenant,
        path: &Path,
        patience: Duration,
    ) -> Result<Self, EmbeddedError> {
        make(path).map_err(EmbeddedError::io("make the data directory", path))?;
        // The same spelling everywhere, because paths are compared; and absolute, because children change their directory.
        let path = path.canonicalize().map_err(EmbeddedError::io("enter", path))?;
        let lock = path.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock)
            .map_err(EmbeddedError::io("write", &lock))?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(POLL).await,
                Err(TryLockError::WouldBlock) => {
                    let holder = fs::read_to_string(&lock).unwrap_or_default();
                    let pid = holder.split_whitespace().next().map(str::parse::<u32>);
                    let holder = match pid {
                        Some(Ok(pid)) => format!(" (process {pid})"),
                        Some(Err(_)) | None => String::new(),
                    };
                    return Err(EmbeddedError::Locked { path, holder });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(EmbeddedError::io("lock", &lock)(error));
                }
            }
        }
        // The content is only for the error message of the next process, and for commands.
        let pid = std::process::id();
        let written = file.set_len(0).and_then(|()| match tenant {
            Tenant::Server => writeln!(file, "{pid}"),
            Tenant::Command => writeln!(file, "{pid} {COMMAND}"),
        });
        written.map_err(EmbeddedError::io("write", &lock))?;
        Ok(Self { path, _lock: file })
    }

    /// Whether a command, rather than a server, holds the directory at `path`.
    pub(super) fn is_held_by_command(path: &Path) -> bool {
        let holder = fs::read_to_string(path.join("lock")).unwrap_or_default();
        holder.trim_end().ends_with(COMMAND)
    }

    /// The canonical path of the directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// If this process is root, PostgreSQL runs as another user, which must be able to enter the directory. So everyone may
/// enter it, and nothing more; each directory inside has its own permissions.
fn make(path: &Path) -> std::io::Result<()> {
    let root = rustix::process::geteuid().is_root();
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(if root { 0o711 } else { 0o700 }).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let found = fs::metadata(path)?;
    if root && found.uid() == 0 && found.mode() & 0o001 == 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(found.mode() | 0o001))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_server_is_refused_and_a_stale_lock_file_locks_nothing() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("deep/data");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("lock"), "1\n").unwrap();
        let first = DataDir::open(&path).await.unwrap();
        let us = format!("in use by another af-registry (process {})", std::process::id());
        let refused = async || {
            let second = DataDir::open(&path).await.unwrap_err().to_string();
            assert!(second.contains(&us) && !second.contains('\n'), "{second}");
        };
        refused().await;
        assert!(!DataDir::is_held_by_command(&path));
        drop(first);
        let command = DataDir::open_as(Tenant::Command, &path, Duration::ZERO).await.unwrap();
        refused().await;
        assert!(DataDir::is_held_by_command(&path));
        drop(command);
        DataDir::open(&path).await.unwrap();
    }
}
