//! `af-registry` processes without settings: those that refuse to start, and those with private partners.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::activation::{program, program_on};
use super::client::Client;
use super::kubo::binary;
pub(crate) use super::postgres::working_below;
use super::server::{follow, line, listening};

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process to start with free ports, a log in JSON, and no other setting.
pub(crate) struct Launch(Command);

/// A new data directory below a temporary directory that the user of PostgreSQL can enter.
pub(crate) fn data_dir() -> (tempfile::TempDir, PathBuf) {
    let top = tempfile::tempdir().unwrap();
    std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let data = top.path().join("data");
    (top, data)
}

/// A process that finds Kubo in its search path.
pub(crate) fn with_kubo() -> Launch {
    Launch::new().env("PATH", search_path())
}

/// The search path of the tests, with the directory of Kubo in front.
pub(crate) fn search_path() -> String {
    let kubo = binary().parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [kubo].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(path).unwrap().into_string().unwrap()
}

/// The exit code and the output of a process that refused to start.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Launch {
    pub(crate) fn new() -> Self {
        Self::of(program())
    }

    /// A process that another program starts.
    pub(crate) fn through(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(env!("CARGO_BIN_EXE_af-registry")).stdin(Stdio::null());
        Self::of(command)
    }

    /// Gives the process this socket instead of its standard input.
    pub(crate) fn with_socket(socket: impl Into<std::os::fd::OwnedFd>) -> Self {
        Self::of(program_on(socket.into()))
    }

    fn of(mut command: Command) -> Self {
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("OPEN_REGISTRY_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG");
        Self(command)
            .env("OPEN_REGISTRY_PORT", "0")
            .env("OPEN_REGISTRY_METRICS_PORT", "0")
            .env("OPEN_REGISTRY_LOG_FORMAT", "json")
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.0.arg(flag);
        self
    }

    /// Sets the addresses of the partners.
    pub(crate) fn on(
        self,
        postgres: &af_registry::store::Settings,
        kubo: &af_registry::config::Kubo,
    ) -> Self {
        self.env("OPEN_REGISTRY_DB_HOST", &postgres.host)
            .env("OPEN_REGISTRY_DB_PORT", postgres.port.to_string())
            .env("OPEN_REGISTRY_DB_USER", &postgres.user)
            .env("OPEN_REGISTRY_DB_NAME", &postgres.database)
            .env("OPEN_REGISTRY_DFS_IPFS_API_URL", kubo.api.to_string())
    }

    /// Runs the process, which must end by itself.
    pub(crate) async fn refused(mut self) -> Refusal {
        let running = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = running.id();
        let ended = tokio::task::spawn_blocking(move || running.wait_with_output().unwrap());
        let Ok(output) = tokio::time::timeout(PATIENCE, ended).await else {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
            panic!("it runs, and should not");
        };
        let output = output.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Refusal {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Starts the process with private partners in a data directory, and waits until it listens.
    pub(crate) async fn alone(mut self, data: &Path) -> Alone {
        self.0.env("OPEN_REGISTRY_DATA_DIR", data).stderr(Stdio::piped());
        let mut child = self.0.spawn().unwrap();
        let lines = follow(&mut child);
        let (addr, _) = listening(&lines).await;
        Alone { addr, child, lines, data: data.to_owned() }
    }
}

impl Refusal {
    /// Asserts exit code 1 and one line on standard error that contains all `words`.
    #[track_caller]
    pub(crate) fn names(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in: {}", self.stderr);
        }
    }
}

/// A server with private partners. Dropping it kills the server, and its partners end with it.
pub(crate) struct Alone {
    addr: SocketAddr,
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    data: PathBuf,
}

impl Alone {
    pub(crate) fn client(&self) -> Client {
        Client { addr: self.addr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line of the log that has this event.
    pub(crate) async fn logged(&self, event: &str) -> Value {
        line(|| self.log(), event, |line| line["event"] == event).await
    }

    /// Stops the server by SIGTERM and returns its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        let status = Command::new("kill").arg(self.pid().to_string()).status();
        assert!(status.unwrap().success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the server by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The partners end by themselves. The directory can only be removed after that.
        let began = Instant::now();
        while !working_below(&self.data).is_empty() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
