//! The database cluster of the private PostgreSQL, and how it is created.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::info;

use super::child::{self, OnDeath};
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::find;
use super::user::{self, User};

/// Name of the database and of the superuser that owns it.
pub(super) const OWNER: &str = "af_registry";
/// Time limit of `initdb`. It usually takes a second or two, but longer on a disk that syncs slowly.
const PATIENCE: Duration = Duration::from_secs(180);

/// A cluster and the programs of its major version.
pub(super) struct Cluster {
    pub(super) directory: PathBuf,
    /// Directory that contains the programs.
    pub(super) programs: PathBuf,
    /// User that the programs run as. `None` for the user of this process.
    pub(super) user: Option<User>,
}

impl Cluster {
    /// Finds the cluster below `data` and the programs to run it. The cluster need not exist yet.
    pub(super) async fn find(data: &DataDir) -> Result<Self, EmbeddedError> {
        let directory = data.path().join("postgres");
        let user = user::for_cluster(&directory)?;
        if let Some(user) = &user
            && let Some(path) = user::closed_directory(data.path(), user)
        {
            return Err(EmbeddedError::Closed { path, user: user.name.clone() });
        }
        let major = major(&directory)?;
        let programs = find::postgres(&directory, major.as_deref()).await?;
        Ok(Self { directory, programs, user })
    }

    /// Whether no cluster has been made below `data`.
    pub(super) fn is_missing(data: &DataDir) -> bool {
        !data.path().join("postgres").exists()
    }

    /// Creates the cluster under another name and renames it, so that a directory called `postgres` is always complete.
    pub(super) async fn make_if_missing(&self, data: &DataDir) -> Result<(), EmbeddedError> {
        if self.directory.exists() {
            return Ok(());
        }
        let new = data.path().join("postgres.new");
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::io("remove", &new)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let made = DirBuilder::new().mode(0o700).create(&new);
        made.map_err(EmbeddedError::io("make", &new))?;
        if let Some(user) = &self.user {
            let given = chown(&new, Some(user.uid), Some(user.gid));
            given.map_err(EmbeddedError::io("give away", &new))?;
        }
        info!(event = "postgres_init", path = %self.directory.display(), "creating a PostgreSQL cluster");
        self.initdb(&new).await?;
        self.create_database(&new).await?;
        let renamed = fs::rename(&new, &self.directory);
        renamed.map_err(EmbeddedError::io("rename", &new))?;
        let synced = File::open(data.path()).and_then(|directory| directory.sync_all());
        synced.map_err(EmbeddedError::io("sync", data.path()))
    }

    /// Authentication is `trust`, for the unix socket only: its directory is closed to others (see `sockets`), and
    /// PostgreSQL does not listen on TCP.
    async fn initdb(&self, new: &Path) -> Result<(), EmbeddedError> {
        let mut command =
            child::command(&self.programs.join("initdb"), self.user.as_ref(), OnDeath::Kill);
        command.args(["--encoding=UTF8", "--no-locale", "--data-checksums", "--no-instructions"]);
        command.args(["--auth-local=trust", "--auth-host=reject"]);
        command.arg(format!("--username={OWNER}")).arg("-D").arg(new).current_dir(new);
        child::run("initdb", command, PATIENCE).await.map(drop)
    }

    /// Creates the database in single-user mode, so that the cluster is complete before it takes connections.
    async fn create_database(&self, new: &Path) -> Result<(), EmbeddedError> {
        let program = self.programs.join("postgres");
        let mut command = child::command(&program, self.user.as_ref(), OnDeath::Kill);
        command.args(["--single", "-c", "exit_on_error=true", "-D"]).arg(new).arg("template1");
        let (reader, mut writer) = io::pipe().map_err(EmbeddedError::io("start", &program))?;
        let written = writeln!(writer, "CREATE DATABASE {OWNER};");
        written.map_err(EmbeddedError::io("start", &program))?;
        drop(writer);
        command.stdin(reader).current_dir(new);
        child::run("postgres --single", command, PATIENCE).await.map(drop)
    }
}

/// The major version of the cluster. `None` when there is no cluster.
fn major(directory: &Path) -> Result<Option<String>, EmbeddedError> {
    let file = directory.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(version) => Ok(Some(version.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory.exists() => {
            Err(EmbeddedError::Unusable {
                path: directory.to_owned(),
                reason: "is not a PostgreSQL cluster (no PG_VERSION in it); move it away".into(),
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::io("read", &file)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_version_is_not_a_cluster() {
        let top = tempfile::tempdir().unwrap();
        let directory = top.path().join("postgres");
        assert_eq!(major(&directory).unwrap(), None);
        fs::create_dir(&directory).unwrap();
        assert!(major(&directory).unwrap_err().to_string().contains("move it away"));
        fs::write(directory.join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(major(&directory).unwrap().as_deref(), Some("15"));
    }
}
