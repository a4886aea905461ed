//! The directories of the unix sockets of PostgreSQL and Kubo.
//!
//! Neither asks for a password on its sockets (`trust` in PostgreSQL, no authorizations in Kubo), so the permissions of the
//! directory protect them: mode 0700, owned by the user that runs the partner. Only that user and root can connect.
//! Authentication by `peer` would need a map of names when the server is root and PostgreSQL is not. A password in a file
//! beside the socket would be protected by the same mode and would only make each connection slower. On a TCP port every
//! user of the machine could read, unpin and delete what is in Kubo.

use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::user::User;

/// The number in the name of PostgreSQL's socket. There is no TCP port.
pub(super) const PORT: u16 = 5432;
/// Longest path of a unix socket (unix(7): 108 bytes including the final zero).
const LONGEST: usize = 107;

/// The sockets of one partner, which share a directory.
pub(super) struct Sockets {
    partner: &'static str,
    /// Name of the directory below the data directory.
    directory: &'static str,
    /// Beginning of the name of the directory for a data directory whose path is too long.
    short: &'static str,
    /// Files in the directory. A partner that was killed leaves them.
    files: &'static [&'static str],
}

/// The socket of PostgreSQL and its lock file.
pub(super) const POSTGRES: Sockets = Sockets {
    partner: "PostgreSQL",
    directory: "run",
    short: "af-registry-",
    files: &[".s.PGSQL.5432", ".s.PGSQL.5432.lock"],
};
/// The sockets of Kubo: its RPC API and its gateway.
pub(super) const KUBO: Sockets = Sockets {
    partner: "Kubo",
    directory: "run-kubo",
    short: "af-registry-kubo-",
    files: &["api.sock", "gateway.sock"],
};

impl Sockets {
    /// Creates the directory, or reuses that of an earlier start and removes the sockets in it. It belongs to `user`, or to
    /// the user of this process.
    pub(super) fn prepare(
        &self,
        data: &DataDir,
        user: Option<&User>,
    ) -> Result<PathBuf, EmbeddedError> {
        let directory = self.directory(data.path());
        self.make(&directory, user)?;
        self.remove_stale(&directory)?;
        Ok(directory)
    }

    /// Removes the sockets of a partner that has ended.
    pub(super) fn remove_stale(&self, directory: &Path) -> Result<(), EmbeddedError> {
        for file in self.files.iter().map(|file| directory.join(file)) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(EmbeddedError::io("remove", &file)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The directory for a data directory, whose path must be canonical.
    pub(super) fn directory(&self, data: &Path) -> PathBuf {
        let usual = data.join(self.directory);
        if self.fits(&usual) { usual } else { self.short(data) }
    }

    /// The path of the first socket in its directory: that of PostgreSQL, or that of Kubo's RPC API.
    pub(super) fn first(&self, directory: &Path) -> PathBuf {
        directory.join(self.files[0])
    }

    fn fits(&self, directory: &Path) -> bool {
        let longest = self.files.iter().map(|file| file.len()).max().unwrap_or_default();
        directory.as_os_str().len() + 1 + longest <= LONGEST
    }

    /// A directory with a short path, for a data directory whose path is too long for a socket. Everyone can write to /tmp,
    /// so [`make`](Self::make) reuses an existing directory only if it is ours and closed to others.
    fn short(&self, data: &Path) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        PathBuf::from(format!("/tmp/{}{:016x}", self.short, hasher.finish()))
    }

    fn make(&self, directory: &Path, user: Option<&User>) -> Result<(), EmbeddedError> {
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
            let partner = self.partner;
            return Err(EmbeddedError::Unusable {
                path: directory.to_owned(),
                reason: format!(
                    "is no directory of this user, so it cannot hold sockets of {partner}; run this as the user that it belongs to, or remove it"
                ),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_a_socket_gets_a_short_one() {
        for (sockets, longest) in [(&POSTGRES, 88), (&KUBO, 94)] {
            let data = |length| PathBuf::from(format!("/{}", "d".repeat(length)));
            assert!(sockets.fits(&data(longest - 1)) && !sockets.fits(&data(longest)));
            let short = sockets.directory(&data(longest));
            assert!(short.starts_with("/tmp") && sockets.fits(&short));
            assert_ne!(short, sockets.directory(&data(longest + 1)));
        }
        assert_ne!(POSTGRES.short(Path::new("/x")), KUBO.short(Path::new("/x")));
    }

    #[test]
    fn an_open_or_foreign_directory_is_not_trusted() {
        let top = tempfile::tempdir().unwrap();
        let directory = top.path().join("run");
        KUBO.make(&directory, None).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        KUBO.make(&directory, None).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&directory, &link).unwrap();
        assert!(
            KUBO.make(&link, None).unwrap_err().to_string().contains("no directory of this user")
        );
    }
}
