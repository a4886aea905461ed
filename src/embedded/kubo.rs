//! The private Kubo. It works offline, listens on two unix sockets and not on TCP, and syncs blocks to disk before it
//! answers.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::config;

use super::child::{self, Child, Ladder, OnDeath};
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::orphan::{self, Marks};
use super::repository::Repository;
use super::sockets;
use super::supervise::{Program, Supervised};

/// Time limit of a start. Opening a large repository, or migrating an old one, takes a while.
const READY: Duration = Duration::from_secs(120);
/// How far Kubo stands back behind PostgreSQL and this process when all cores are busy: pushes of layers keep its threads busy,
/// and would make small requests wait for a core.
const STEPS_BACK: i32 = 10;
/// The line that Kubo prints when it listens on both sockets (Kubo, `cmd/ipfs/kubo/daemon.go`).
const READY_LINE: &str = "Daemon is ready";

/// A running private Kubo.
pub(super) struct Kubo {
    supervised: Supervised,
    settings: config::Kubo,
}

/// A private Kubo that was found, but not started.
pub(super) struct Stopped(Repository);

/// The program that is started, with the directory of its sockets.
struct Daemon {
    repository: Repository,
    sockets: PathBuf,
}

impl Kubo {
    /// Checks that Kubo is installed. Changes nothing.
    pub(super) async fn find(data: &DataDir) -> Result<Stopped, EmbeddedError> {
        Repository::find(data).await.map(Stopped)
    }

    /// Starts Kubo and waits until it is ready. The repository is created if there is none.
    pub(super) async fn start(data: &DataDir, found: Stopped) -> Result<Self, EmbeddedError> {
        let Stopped(repository) = found;
        repository.make_if_missing(data).await?;
        // Before `prepare` removes the sockets, which a running Kubo would still need.
        end_orphans(&repository.directory).await?;
        let sockets = sockets::KUBO.prepare(data, None)?;
        let settings = settings(&repository.directory, &sockets)?;
        let supervised = Supervised::start(Daemon { repository, sockets }).await?;
        Ok(Self { supervised, settings })
    }

    /// How to reach it. A restart keeps the addresses.
    pub(super) fn settings(&self) -> &config::Kubo {
        &self.settings
    }

    /// Shuts it down and waits for its end.
    pub(super) async fn stop(self) {
        self.supervised.stop().await;
    }
}

/// How to reach the Kubo that runs on the repository below `data`. `None` if it takes no connections.
pub(super) fn running(data: &Path) -> Result<Option<config::Kubo>, EmbeddedError> {
    let data = data.canonicalize().map_err(EmbeddedError::io("enter", data))?;
    let sockets = sockets::KUBO.directory(&data);
    if UnixStream::connect(sockets::KUBO.first(&sockets)).is_err() {
        return Ok(None);
    }
    settings(&Repository::directory_below(&data), &sockets).map(Some)
}

fn settings(repository: &Path, sockets: &Path) -> Result<config::Kubo, EmbeddedError> {
    let Some(directory) = sockets.to_str() else {
        let reason = "is not valid UTF-8; set OPEN_REGISTRY_DATA_DIR to another directory";
        return Err(EmbeddedError::Unusable { path: sockets.to_owned(), reason: reason.into() });
    };
    let socket = |name| config::ServerAddress::of_socket(&format!("{directory}/{name}"));
    let (api, gateway) = (socket("api.sock"), Some(socket("gateway.sock")));
    let repository = Some(repository.to_owned());
    Ok(config::Kubo { gateway, repository, ..config::Kubo::at(api) })
}

async fn end_orphans(directory: &Path) -> Result<(), EmbeddedError> {
    let marks = Marks { program: "ipfs", argument: "daemon", directory };
    orphan::end(Daemon::NAME, &marks, Daemon::LADDER).await
}

impl Program for Daemon {
    const NAME: &'static str = "Kubo";
    /// The time is a little longer than Kubo's own `Internal.ShutdownTimeout`.
    const LADDER: Ladder = &[(Signal::TERM, Duration::from_secs(35))];

    async fn launch(&self) -> Result<Child, EmbeddedError> {
        end_orphans(&self.repository.directory).await?;
        sockets::KUBO.remove_stale(&self.sockets)?;
        self.repository.configure(&self.sockets)?;
        let child =
            Child::spawn(Self::NAME, self.command(), OnDeath::Terminate, Some(READY_LINE)).await?;
        child.give_way(STEPS_BACK);
        let ready = async {
            tokio::select! {
                () = child.marker() => Ok(()),
                how = child.exited() => Err(how),
            }
        };
        let error = match tokio::time::timeout(READY, ready).await {
            Ok(Ok(())) => return Ok(child),
            Ok(Err(how)) => {
                let lines = child.last_lines().await;
                EmbeddedError::Ended { name: Self::NAME, how, lines }
            }
            Err(_) => {
                let lines = child.last_lines().await;
                EmbeddedError::NotReady { name: Self::NAME, seconds: READY.as_secs(), lines }
            }
        };
        child.end(Self::LADDER).await;
        Err(error)
    }
}

impl Daemon {
    fn command(&self) -> std::process::Command {
        let Repository { directory, program } = &self.repository;
        let mut command = child::command(program, None, OnDeath::Terminate);
        command.current_dir(directory).env("IPFS_PATH", directory).env("IPFS_TELEMETRY", "off");
        // The path is also an argument, because `orphan` may have no other way to recognize the process.
        command.arg("--repo-dir").arg(directory);
        // Lets a newer Kubo migrate an older repository. The migrations are built in.
        command.args(["daemon", "--offline", "--migrate=true"]);
        command
    }
}
