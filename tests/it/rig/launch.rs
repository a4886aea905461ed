//! `af-registry` processes that are given nothing: those that do not start, and those with partners of their own.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::Client;
use super::kubo::binary;
use super::server::{follow, listening};

/// A bound against hangs, nothing else.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process is started with: free ports, a log in JSON, and no other setting.
pub(crate) struct Launch(Command);

/// A new data directory below a temporary one, that the user of PostgreSQL may pass through.
pub(crate) fn data_dir() -> (tempfile::TempDir, PathBuf) {
    let top = tempfile::tempdir().unwrap();
    std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let data = top.path().join("data");
    (top, data)
}

/// A process with Kubo in its search path, wherever that comes from.
pub(crate) fn with_kubo() -> Launch {
    Launch::new().env("PATH", search_path())
}

/// A search path with Kubo in it.
pub(crate) fn search_path() -> String {
    let kubo = binary().parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [kubo].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(path).unwrap().into_string().unwrap()
}

/// How a process ended that did not serve.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Launch {
    pub(crate) fn new() -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_af-registry")))
    }

    /// The same program by way of another one.
    pub(crate) fn through(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(env!("CARGO_BIN_EXE_af-registry"));
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("OPEN_REGISTRY_")) {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").stdin(Stdio::null());
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

    /// Names the partners to use.
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

    /// Runs it to its end, which must come by itself.
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

    /// Starts it on a data directory, with partners of its own, and waits until it listens.
    pub(crate) async fn alone(mut self, data: &Path) -> Alone {
        self.0.env("OPEN_REGISTRY_DATA_DIR", data).stderr(Stdio::piped());
        let mut child = self.0.spawn().unwrap();
        let lines = follow(&mut child);
        let (addr, _) = listening(&lines).await;
        Alone { addr, child, lines, data: data.to_owned() }
    }
}

impl Refusal {
    /// Asserts what every refusal to start is: code 1 and one line, which holds all of `words`.
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

/// A server with partners of its own. Killed when dropped, and they with it.
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

    /// Asks it to end and gives its exit code.
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

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // They end by themselves; whoever removes the directory must wait for it.
        let began = Instant::now();
        while !working_below(&self.data).is_empty() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The processes whose working directory is below this one: the partners, for they have no other.
pub(crate) fn working_below(directory: &Path) -> Vec<u32> {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ours = processes.filter(|entry| {
        std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&directory))
    });
    ours.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
