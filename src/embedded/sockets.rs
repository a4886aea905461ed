//! The directory of PostgreSQL's unix socket.
//!
//! PostgreSQL asks for no password on this socket (`trust`), so the permissions of the directory protect it: mode 0700,
//! owned by the user that runs PostgreSQL. Only that user and root can connect. Authentication by `peer` would need a map
//! of names when the server is root and PostgreSQL is not. A password in a file beside the socket would be protected by
//! the same mode and would only make each connection slower.

use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::user::User;

/// The number in the name of the socket. There is no TCP port.
pub(super) const PORT: u16 = 5432;
/// Longest path of a unix socket (unix(7): 108 bytes including the final zero).
const LONGEST: usize = 107;

/// Creates the directory, or reuses that of an earlier start and removes the sockets in it.
pub(super) fn prepare(data: &DataDir, user: Option<&User>) -> Result<PathBuf, EmbeddedError> {
    let directory = directory(data.path());
    make(&directory, user)?;
    let socket = socket(&directory);
    for file in [socket.with_file_name(format!(".s.PGSQL.{PORT}.lock")), socket] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::io("remove", &file)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(directory)
}

/// The directory of the socket for a data directory, whose path must be canonical.
pub(super) fn directory(data: &Path) -> PathBuf {
    let usual = data.join("run");
    if fits(&usual) { usual } else { short(data) }
}

/// The path of the socket in its directory.
pub(super) fn socket(directory: &Path) -> PathBuf {
    directory.join(format!(".s.PGSQL.{PORT}"))
}

fn fits(directory: &Path) -> bool {
    directory.as_os_str().len() + format!("/.s.PGSQL.{PORT}").len() <= LONGEST
}

/// A directory with a short path, for a data directory whose path is too long for a socket. Everyone can write to /tmp, so
/// [`make`] reuses an existing directory only if it is ours and closed to others.
fn short(data: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    PathBuf::from(format!("/tmp/af-registry-{:016x}", hasher.finish()))
}

fn make(directory: &Path, user: Option<&User>) -> Result<(), EmbeddedError> {
    let refuse = EmbeddedError::io;
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => {
            if let Some(user) = user {
                chown(directory, Some(user.uid), Some(user.gid))
                    .map_err(refuse("give away", directory))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refuse("make", directory)(error)),
    }
    let found = fs::symlink_metadata(directory).map_err(refuse("look at", directory))?;
    let own = rustix::process::geteuid().as_raw();
    let owner = user.map_or(own, |user| user.uid);
    // Root owns the directory after a start that was interrupted before it could change the owner.
    if !found.is_dir() || (found.uid() != owner && found.uid() != own) {
        return Err(EmbeddedError::Unusable {
            path: directory.to_owned(),
            reason: "is not ours, so it cannot hold the socket of PostgreSQL; remove it".into(),
        });
    }
    if found.uid() != owner {
        chown(directory, Some(owner), user.map(|user| user.gid))
            .map_err(refuse("give away", directory))?;
    }
    if found.mode() & 0o777 != 0o700 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
            .map_err(refuse("close", directory))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_gets_a_short_one() {
        let long = PathBuf::from(format!("/{}", "d".repeat(93)));
        assert!(!fits(&long) && fits(Path::new(&format!("/{}", "d".repeat(92)))));
        assert!(fits(&short(&long)));
        assert_ne!(short(&long), short(Path::new("/other")));
    }

    #[test]
    fn an_open_or_foreign_directory_is_not_trusted() {
        let top = tempfile::tempdir().unwrap();
        let directory = top.path().join("run");
        make(&directory, None).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        make(&directory, None).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&directory, &link).unwrap();
        assert!(make(&link, None).unwrap_err().to_string().contains("not ours"));
    }
}
