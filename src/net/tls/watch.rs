//! Files that are read again when they change, and on SIGHUP.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::warn;

use super::error::TlsError;

/// How often the files are checked. A check costs a system call for each of them.
const LOOK_TIME: Duration = Duration::from_secs(2);

/// Files, and their versions when they were last read. Links are resolved: Kubernetes does not change the files, but a
/// link to their folder.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Version>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Watched {
    /// Notes the versions. Call it before the files are read: a change in between is noticed at the next check.
    pub(super) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: Vec<_> = paths.into_iter().collect();
        let seen = versions(&paths);
        Self { paths, seen }
    }

    /// Starts a task that calls `read` when the files have changed, and on SIGHUP. The task never ends by itself.
    ///
    /// # Errors
    /// No handler for SIGHUP could be installed.
    pub(super) fn follow(
        mut self,
        mut read: impl FnMut() + Send + 'static,
    ) -> Result<JoinHandle<()>, TlsError> {
        let mut hangup = signal(SignalKind::hangup()).map_err(TlsError::Signal)?;
        Ok(tokio::spawn(async move {
            loop {
                let asked = tokio::select! {
                    _ = hangup.recv() => true,
                    () = sleep(LOOK_TIME) => false,
                };
                // Reading files blocks the thread.
                let next = tokio::task::spawn_blocking(move || {
                    if self.has_changed() || asked {
                        read();
                    }
                    (self, read)
                });
                match next.await {
                    Ok(next) => (self, read) = next,
                    Err(error) => return warn!(event = "certificate_unwatched", %error),
                }
            }
        }))
    }

    fn has_changed(&mut self) -> bool {
        let versions = versions(&self.paths);
        let changed = versions != self.seen;
        self.seen = versions;
        changed
    }
}

fn versions(paths: &[PathBuf]) -> Vec<Option<Version>> {
    paths.iter().map(|path| fs::metadata(path).ok().map(|file| Version::of(&file))).collect()
}

impl Version {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }
}
