//! The folder of the copies, which one process uses at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::layout;
use crate::oci::Digest;

/// Most instances that share one data directory.
const INSTANCES: u32 = 64;

/// A folder that no other process uses while this value lives. Everything here blocks.
///
/// Instances that share a data directory have a folder each, `0`, `1` and so on: two processes that evict and fill in one
/// folder would count each other's files wrong.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    next: AtomicU64,
    /// Held by flock(2), which ends with the process.
    _lock: File,
}

/// A copy that was found in the folder.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) used: SystemTime,
}

/// A file that is being filled. Dropping it removes the file, unless it was kept.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    /// Takes the first folder below `top` that nobody uses, and empties all others that nobody uses.
    pub(super) fn take(top: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(top)?;
        let mut taken = None;
        for number in 0..INSTANCES {
            let path = top.join(number.to_string());
            if taken.is_some() && !path.exists() {
                break;
            }
            DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            let mut lock = OpenOptions::new();
            let lock = lock.create(true).truncate(false).write(true).open(path.join("lock"))?;
            if lock.try_lock().is_err() {
                continue;
            }
            if taken.is_none() {
                taken = Some(Self { path, next: AtomicU64::new(0), _lock: lock });
            } else {
                // An instance that is gone used it, and nobody counts what is in it.
                clear(&path, |_| true)?;
            }
        }
        let taken = taken.ok_or_else(|| {
            io::Error::other(format!("{INSTANCES} instances use {} already", top.display()))
        })?;
        clear(&taken.path, |path| path.extension().is_some_and(|end| end == layout::PARTIAL))?;
        Ok(taken)
    }

    /// The copies in it, those first that were not read for the longest time.
    pub(super) fn list(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(digest) = name.to_str().and_then(layout::digest_of) else { continue };
            let about = entry.metadata()?;
            match layout::blob_size(about.len()) {
                Some(size) => found.push(Found { digest, size, used: about.modified()? }),
                // Something cut it short.
                None => fs::remove_file(entry.path())?,
            }
        }
        found.sort_by_key(|found| found.used);
        Ok(found)
    }

    /// Makes a file to fill.
    pub(super) fn draft(&self) -> io::Result<(File, Draft)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{number}.{}", layout::PARTIAL));
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).read(true).write(true).open(&path)?;
        Ok((file, Draft { path, kept: false }))
    }

    /// Gives a filled file the name of its digest.
    pub(super) fn keep(&self, mut draft: Draft, digest: &Digest) -> io::Result<()> {
        fs::rename(&draft.path, self.path_of(digest))?;
        draft.kept = true;
        Ok(())
    }

    /// Removes a copy. Whoever reads it goes on.
    pub(super) fn remove(&self, digest: &Digest) {
        // A file that is gone already is as good.
        let _ = fs::remove_file(self.path_of(digest));
    }

    /// Where the copy of a blob is, if there is one.
    pub(super) fn path_of(&self, digest: &Digest) -> PathBuf {
        self.path.join(layout::file_name(digest))
    }

    /// The bytes that an ordinary user may still write on its disk.
    pub(super) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The size of its disk.
    pub(super) fn disk(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.path)?;
        Ok(disk.f_blocks.saturating_mul(disk.f_frsize))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes files from a folder, but never its lock.
fn clear(folder: &Path, unwanted: impl Fn(&Path) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "lock") && unwanted(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::hashing::sha256;

    #[test]
    fn each_process_has_a_folder_of_its_own() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().join("deep/cache");
        let (first, second) = (Folder::take(&top).unwrap(), Folder::take(&top).unwrap());
        assert!(first.path.ends_with("0") && second.path.ends_with("1"));
        let (_, draft) = second.draft().unwrap();
        second.keep(draft, &sha256(b"abc")).unwrap();
        drop(first);
        // The folder of a process that lives is left alone.
        assert!(Folder::take(&top).unwrap().path.ends_with("0"));
        assert!(second.path_of(&sha256(b"abc")).exists());
        drop(second);
        // One that nobody uses any more is emptied.
        let again = Folder::take(&top).unwrap();
        assert!(again.path.ends_with("0"));
        assert!(!top.join("1").join(layout::file_name(&sha256(b"abc"))).exists());
    }

    #[test]
    fn only_complete_copies_are_found() {
        let top = tempfile::tempdir().unwrap();
        let folder = Folder::take(top.path()).unwrap();
        let digest = sha256(b"abc");
        let (file, draft) = folder.draft().unwrap();
        file.set_len(layout::file_length(3)).unwrap();
        folder.keep(draft, &digest).unwrap();
        let short = sha256(b"short");
        fs::write(folder.path_of(&short), b"x").unwrap();
        fs::write(folder.path.join("7.part"), b"x").unwrap();
        let (_, dropped) = folder.draft().unwrap();
        drop(dropped);
        drop(folder);
        let folder = Folder::take(top.path()).unwrap();
        let found = folder.list().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].digest, found[0].size), (&digest, 3));
        assert!(!folder.path_of(&short).exists());
        assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 2, "the copy and the lock");
    }
}
