//! The private PostgreSQL. It listens on one unix socket and not on TCP, and has fsync on.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use crate::config;

use super::child::{self, Child, Ladder, OnDeath};
use super::cluster::{Cluster, OWNER};
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::orphan::{self, Marks};
use super::sockets;
use super::supervise::{Program, Supervised};

/// Time limit of a start. Recovery after a crash reads the log since the last checkpoint, at most some GiB.
const READY: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);
/// Longest time for which processes of a killed postmaster may hold its shared memory.
const HELD: Duration = Duration::from_secs(30);
const HELD_PAUSE: Duration = Duration::from_millis(300);
const POOL_SIZE: u32 = 8;

/// A running private PostgreSQL.
pub(super) struct Postgres {
    supervised: Supervised,
    settings: config::Postgres,
}

/// A private PostgreSQL that was found, but not started.
pub(super) struct Stopped(Cluster);

/// The program that is started, with its cluster and its socket.
struct Server {
    cluster: Cluster,
    sockets: PathBuf,
}

impl Postgres {
    /// Checks that PostgreSQL can run on the cluster below `data`. Changes nothing.
    pub(super) async fn find(data: &DataDir) -> Result<Stopped, EmbeddedError> {
        Cluster::find(data).await.map(Stopped)
    }

    /// Starts PostgreSQL and waits until it is ready. The cluster is created if there is none.
    pub(super) async fn start(data: &DataDir, found: Stopped) -> Result<Self, EmbeddedError> {
        let Stopped(cluster) = found;
        cluster.make_if_missing(data).await?;
        // Before `prepare` removes the socket, which a running PostgreSQL would still need.
        end_orphans(&cluster.directory).await?;
        let sockets = sockets::POSTGRES.prepare(data, cluster.user.as_ref())?;
        let settings = settings(&sockets)?;
        let supervised = Supervised::start(Server { cluster, sockets }).await?;
        Ok(Self { supervised, settings })
    }

    /// How to reach it. A restart keeps the address.
    pub(super) fn settings(&self) -> &config::Postgres {
        &self.settings
    }

    /// Shuts it down and waits for its end. The shutdown is fast: open transactions are rolled back.
    pub(super) async fn stop(self) {
        self.supervised.stop().await;
    }
}

/// How to reach the PostgreSQL whose socket is in this directory.
pub(super) fn settings(sockets: &Path) -> Result<config::Postgres, EmbeddedError> {
    let Some(host) = sockets.to_str().map(str::to_owned) else {
        let reason = "is not valid UTF-8; set OPEN_REGISTRY_DATA_DIR to another directory";
        return Err(EmbeddedError::Unusable { path: sockets.to_owned(), reason: reason.into() });
    };
    Ok(config::Postgres {
        server: config::PostgresServer { host, port: sockets::PORT },
        others: Vec::new(),
        user: OWNER.to_owned(),
        password: config::Secret::default(),
        name: OWNER.to_owned(),
        pool_size: POOL_SIZE,
        ssl: config::SslMode::Disable,
    })
}

impl Program for Server {
    const NAME: &'static str = "PostgreSQL";
    /// A fast shutdown, then an immediate one. The latter makes a recovery necessary at the next start.
    const LADDER: Ladder =
        &[(Signal::INT, Duration::from_secs(30)), (Signal::QUIT, Duration::from_secs(10))];

    async fn launch(&self) -> Result<Child, EmbeddedError> {
        end_orphans(&self.cluster.directory).await?;
        let deadline = Instant::now() + HELD;
        loop {
            disown_pid_file(&self.pid_file())?;
            let child = Child::spawn(Self::NAME, self.command(), OnDeath::Interrupt, None).await?;
            match self.ready(&child).await {
                Ok(()) => return Ok(child),
                // Processes of a killed postmaster notice that and end by themselves.
                Err(error) if error.says("is still in use") && Instant::now() < deadline => {
                    sleep(HELD_PAUSE).await;
                }
                Err(error) => {
                    child.end(Self::LADDER).await;
                    return Err(error);
                }
            }
        }
    }
}

impl Server {
    fn command(&self) -> std::process::Command {
        let Cluster { directory, programs, user } = &self.cluster;
        let program = programs.join("postgres");
        let mut command = child::command(&program, user.as_ref(), OnDeath::Interrupt);
        command.current_dir(directory).arg("-D").arg(directory);
        let mut directories = OsString::from("unix_socket_directories=");
        directories.push(quoted(self.sockets.as_os_str()));
        command.arg("-c").arg(directories);
        for setting in [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            &format!("port={}", sockets::PORT),
            "fsync=on",
            "logging_collector=off",
            "log_checkpoints=off",
            // The log of the registry has timestamps of its own.
            "log_line_prefix=",
            "cluster_name=af-registry",
        ] {
            command.args(["-c", setting]);
        }
        command
    }

    fn pid_file(&self) -> PathBuf {
        self.cluster.directory.join("postmaster.pid")
    }

    async fn ready(&self, child: &Child) -> Result<(), EmbeddedError> {
        let deadline = Instant::now() + READY;
        let file = self.pid_file();
        while Instant::now() < deadline {
            if let Some(pid) = child.pid()
                && fs::read_to_string(&file).is_ok_and(|text| is_ready(&text, pid))
            {
                return Ok(());
            }
            if let Ok(how) = tokio::time::timeout(POLL, child.exited()).await {
                let lines = child.last_lines().await;
                return Err(EmbeddedError::Ended { name: Self::NAME, how, lines });
            }
        }
        let lines = child.last_lines().await;
        Err(EmbeddedError::NotReady { name: Self::NAME, seconds: READY.as_secs(), lines })
    }
}

async fn end_orphans(directory: &Path) -> Result<(), EmbeddedError> {
    let marks = Marks { program: "postgres", argument: "-D", directory };
    orphan::end(Server::NAME, &marks, Server::LADDER).await
}

/// Whether a `postmaster.pid` says that process `pid` takes connections (PostgreSQL, `src/include/utils/pidfile.h`).
fn is_ready(text: &str, pid: i32) -> bool {
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.trim() == pid.to_string())
        && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}

/// Makes a stale `postmaster.pid` harmless.
///
/// PostgreSQL refuses to start while a process with the number in the first line lives. After a crash that number may
/// belong to an unrelated process or to a zombie. Deleting the file would also delete the key of the shared memory, by
/// which PostgreSQL detects that processes of the old postmaster still write. But PostgreSQL accepts the number of its
/// own parent (`CreateLockFile` in `miscinit.c`), so that number is written instead. A file that a crash left empty
/// contains nothing to keep and is deleted.
fn disown_pid_file(file: &Path) -> Result<(), EmbeddedError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(EmbeddedError::io("read", file)(error)),
    };
    match text.split_once('\n') {
        Some((pid, rest)) if pid.trim().parse::<i32>().is_ok() => {
            let text = format!("{}\n{rest}", std::process::id());
            fs::write(file, text).map_err(EmbeddedError::io("write", file))
        }
        _ => fs::remove_file(file).map_err(EmbeddedError::io("remove", file)),
    }
}

/// Quotes a path for a list of paths, in which a comma and leading or trailing blanks have a meaning.
fn quoted(path: &OsStr) -> OsString {
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path);
    let mut text = vec![b'"'];
    for byte in bytes {
        text.extend(if *byte == b'"' { &b"\"\""[..] } else { std::slice::from_ref(byte) });
    }
    text.push(b'"');
    std::os::unix::ffi::OsStringExt::from_vec(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID_FILE: &str = "4711\n/data\n1700000000\n5432\n/run\n\n  5432001  65536\nready   \n";

    #[test]
    fn only_our_own_postmaster_is_ready() {
        assert!(is_ready(PID_FILE, 4711));
        assert!(!is_ready(PID_FILE, 4712));
        assert!(!is_ready(&PID_FILE.replace("ready", "starting"), 4711));
        assert!(!is_ready("4711\n", 4711));
    }

    #[test]
    fn a_stale_pid_file_gets_our_number_and_keeps_the_memory_key() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("postmaster.pid");
        disown_pid_file(&file).unwrap();
        fs::write(&file, PID_FILE).unwrap();
        disown_pid_file(&file).unwrap();
        let us = std::process::id().to_string();
        assert_eq!(fs::read_to_string(&file).unwrap(), PID_FILE.replace("4711", &us));
        for broken in ["", "\n", "x\ny\n"] {
            fs::write(&file, broken).unwrap();
            disown_pid_file(&file).unwrap();
            assert!(!file.exists());
        }
    }

    #[test]
    fn a_socket_path_is_quoted() {
        assert_eq!(quoted(OsStr::new("/a,b \"c\"")), "\"/a,b \"\"c\"\"\"");
    }
}
