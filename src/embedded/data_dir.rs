//! The data directory, held by one server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::error::EmbeddedError;

/// A server that was just killed may hold the lock for a moment longer.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

/// What the lock file says after the process id when that is no server, but will be gone in a moment.
const COMMAND: &str = "command";

/// Who uses a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenant {
    /// Until it is told to stop.
    Server,
    /// For a moment.
    Command,
}

/// A data directory that no other server uses while this value lives.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// flock(2): it ends with the process however that ends, so a lock file that lies about is no lock.
    _lock: File,
}

impl DataDir {
    /// Makes the directory if needed and takes its lock.
    ///
    /// # Errors
    /// When another server holds it, or the file system refuses.
    pub(super) async fn open(path: &Path) -> Result<Self, EmbeddedError> {
        Self::open_as(Tenant::Server, path, PATIENCE).await
    }

    /// As [`DataDir::open`], waiting so long for whoever holds it.
    ///
    /// # Errors
    /// As [`DataDir::open`].
    pub(super) async fn open_as(
        tenant: Tenant,
        path: &Path,
        patience: Duration,
    ) -> Result<Self, EmbeddedError> {
        make(path).map_err(EmbeddedError::io("make the data directory", path))?;
        // One spelling for all who compare paths, and absolute for children that change directory.
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
        // Only told to whoever comes second.
        let pid = std::process::id();
        let written = file.set_len(0).and_then(|()| match tenant {
            Tenant::Server => writeln!(file, "{pid}"),
            Tenant::Command => writeln!(file, "{pid} {COMMAND}"),
        });
        written.map_err(EmbeddedError::io("write", &lock))?;
        Ok(Self { path, _lock: file })
    }

    /// Whether whoever holds the directory at `path` is there for a moment only.
    pub(super) fn is_held_by_command(path: &Path) -> bool {
        let holder = fs::read_to_string(path.join("lock")).unwrap_or_default();
        holder.trim_end().ends_with(COMMAND)
    }

    /// Its canonical path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// As root the user of PostgreSQL must be able to pass through, so the directory lets everyone do that and no more;
/// what is in it is closed for itself.
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
    async fn the_second_server_is_refused_and_a_left_file_is_no_lock() {
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
