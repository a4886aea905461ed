//! The user that PostgreSQL runs as. PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::EmbeddedError;

/// Users that are tried in this order. Debian's package creates the first, and every system has the second.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A user to run a program as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The user for the cluster at `cluster`: its owner, or one of [`UNPRIVILEGED`] if there is no cluster yet. `None` if this
/// process is not root, because PostgreSQL then runs as the user of this process.
pub(super) fn for_cluster(cluster: &Path) -> Result<Option<User>, EmbeddedError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = Path::new("/etc/passwd");
    let users = fs::read_to_string(passwd).map_err(EmbeddedError::io("read", passwd))?;
    let fresh = UNPRIVILEGED.iter().find_map(|name| parse(&users, |user| user.name == *name));
    match fs::metadata(cluster) {
        Ok(owner) if owner.uid() == 0 => Err(EmbeddedError::Unusable {
            path: cluster.to_owned(),
            reason: "belongs to root, and PostgreSQL refuses to run as root; change the owner with: chown -R postgres".into(),
        }),
        Ok(owner) => {
            let (uid, gid) = (owner.uid(), owner.gid());
            let known = parse(&users, |user| user.uid == uid);
            let name = known.map_or_else(|| uid.to_string(), |user| user.name);
            Ok(Some(User { name, uid, gid }))
        }
        Err(_) => match fresh {
            Some(user) => Ok(Some(user)),
            None => Err(EmbeddedError::Missing {
                what: "PostgreSQL refuses to run as root, and there is no user postgres or nobody that it could run as".into(),
                mend: "make one with: useradd --system postgres",
            }),
        },
    }
}

/// The first directory on the path to `path`, `path` included, that `user` cannot enter.
///
/// Only the mode bits are checked. If an access list says otherwise, PostgreSQL reports it.
pub(super) fn closed_directory(path: &Path, user: &User) -> Option<PathBuf> {
    let ancestors: Vec<&Path> = path.ancestors().collect();
    let closed = |directory: &&&Path| {
        fs::metadata(directory).is_ok_and(|found| {
            let bit = match () {
                () if found.uid() == user.uid => 0o100,
                () if found.gid() == user.gid => 0o010,
                () => 0o001,
            };
            found.mode() & bit == 0
        })
    };
    ancestors.iter().rev().find(closed).map(|directory| directory.to_path_buf())
}

/// The first entry of a passwd(5) file for which `wanted` returns true.
fn parse(users: &str, wanted: impl Fn(&User) -> bool) -> Option<User> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { name, uid, gid })
    };
    users.lines().filter_map(entry).find(wanted)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn users_are_found_in_passwd() {
        let users = "root:x:0:0:root:/root:/bin/sh\n+::::::\nnobody:x:65534:65533::/:/bin/false\n";
        let nobody = User { name: "nobody".into(), uid: 65534, gid: 65533 };
        assert_eq!(parse(users, |user| user.name == "nobody"), Some(nobody));
        assert_eq!(parse(users, |user| user.name == "postgres"), None);
    }

    #[test]
    fn the_first_closed_directory_is_named() {
        let top = tempfile::tempdir_in("/tmp").unwrap();
        let deep = top.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let stranger = User { name: "stranger".into(), uid: 4_000_000, gid: 4_000_000 };
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(top.path(), 0o711);
        mode(&top.path().join("a"), 0o755);
        assert_eq!(closed_directory(&deep, &stranger), None);
        mode(&top.path().join("a"), 0o700);
        assert_eq!(closed_directory(&deep, &stranger), Some(top.path().join("a")));
    }
}
