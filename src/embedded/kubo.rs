//! The private Kubo. It works offline, listens on loopback only, and syncs blocks to disk before it answers.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tracing::warn;

use crate::config;

use super::child::{self, Child, Ladder, OnDeath};
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::orphan::{self, Marks};
use super::ports;
use super::repository::Repository;
use super::supervise::{Program, Supervised};

/// Time limit of a start. Opening a large repository, or migrating an old one, takes a while.
const READY: Duration = Duration::from_secs(120);
/// The line that Kubo prints when it listens on both ports (Kubo, `cmd/ipfs/kubo/daemon.go`).
const READY_LINE: &str = "Daemon is ready";
/// Starts with other ports, after another process took a port that was free a moment before.
const PORT_TRIES: u32 = 5;

/// A running private Kubo.
pub(super) struct Kubo {
    supervised: Supervised,
    settings: config::Kubo,
}

/// A private Kubo that was found, but not started.
pub(super) struct Stopped(Repository);

/// The program that is started, with its ports.
struct Daemon {
    repository: Repository,
    api: u16,
    gateway: u16,
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
        let mut tries = 0;
        loop {
            let repository = repository.clone();
            let ports = ports::free_pair();
            let (api, gateway) = ports.map_err(EmbeddedError::io("find ports for", data.path()))?;
            tries += 1;
            match Supervised::start(Daemon { repository, api, gateway }).await {
                Ok(supervised) => {
                    let settings = settings(api, Some(gateway));
                    return Ok(Self { supervised, settings });
                }
                Err(error) if error.says("address already in use") && tries < PORT_TRIES => {
                    warn!(
                        event = "kubo_port_taken",
                        api, gateway, "another process took a port; trying others"
                    );
                }
                Err(error) => return Err(error),
            }
        }
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

/// How to reach the RPC API of the Kubo that runs on the repository below `data`. `None` if it takes no connections.
pub(super) fn running(data: &Path) -> Option<config::Kubo> {
    // Kubo writes its address to this file when it listens, and the next start removes it.
    let address = fs::read_to_string(data.join("ipfs/api")).ok()?;
    let port = address.trim_end().strip_prefix("/ip4/127.0.0.1/tcp/")?.parse().ok()?;
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(settings(port, None))
}

fn settings(api: u16, gateway: Option<u16>) -> config::Kubo {
    let endpoint =
        |port| config::ServerAddress { https: false, host: "127.0.0.1".to_owned(), port };
    config::Kubo {
        api: endpoint(api),
        gateway: gateway.map(endpoint),
        authorities: None,
        login: None,
    }
}

impl Program for Daemon {
    const NAME: &'static str = "Kubo";
    /// The time is a little longer than Kubo's own `Internal.ShutdownTimeout`.
    const LADDER: Ladder = &[(Signal::TERM, Duration::from_secs(35))];

    async fn launch(&self) -> Result<Child, EmbeddedError> {
        let directory: &Path = &self.repository.directory;
        let marks = Marks { program: "ipfs", argument: "daemon", directory };
        orphan::end(Self::NAME, &marks, Self::LADDER).await?;
        self.repository.configure(self.api, self.gateway)?;
        let child =
            Child::spawn(Self::NAME, self.command(), OnDeath::Terminate, Some(READY_LINE)).await?;
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
