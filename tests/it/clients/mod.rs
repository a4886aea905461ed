//! Real clients, each pushing and pulling as its users do. A client that is missing is a failure: `make install-test`
//! brings it.

mod containerd;
mod docker;
mod go;
mod helm;
mod podman;
mod skopeo;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::rig::server::{Server, server};

/// A server, a home of its own for the client, and the turn: two of these at once would only be slower.
struct Stage {
    server: Server,
    home: TempDir,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::const_new(());

async fn stage() -> Stage {
    let turn = TURN.lock().await;
    Stage { server: server().await, home: tempfile::tempdir().unwrap(), _turn: turn }
}

impl Stage {
    /// `host:port/name`
    fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.server.host())
    }

    /// A path below the client's home.
    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The client's command, with nothing of this machine's settings.
    fn command(&self, program: &str) -> Command {
        let mut command = tool(program);
        command.env("HOME", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path());
        command.env_remove("DOCKER_CONFIG").current_dir(self.home.path());
        command
    }

    /// Runs a client to its end and returns what it printed.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(self.command(program).args(arguments))
    }

    /// The digest that the registry gives a reference.
    async fn digest(&self, repository: &str, reference: &str) -> String {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let answer = self.server.client().head(&path).await.expect(200);
        answer.header("docker-content-digest").to_owned()
    }
}

/// Runs a command to its end; what it said goes into the panic if it fails.
fn run(command: &mut Command) -> String {
    let output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}\n{error}");
    said.trim().to_owned()
}

/// A program that `make install-test` brings: from its cache, else from the search path.
pub(crate) fn tool(program: &str) -> Command {
    let home =
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache/af-registry");
    let cache = std::env::var_os("AF_REGISTRY_CACHE").map_or_else(home, PathBuf::from);
    let built = cache.join("bin").join(program);
    let found = [built, Path::new("/usr/bin").join(program), Path::new("/usr/sbin").join(program)]
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{program} is not installed; `make install-test` brings it"));
    Command::new(found)
}

/// A daemon that ends with the test, also when the test is killed.
struct Daemon(Child);

impl Daemon {
    /// Starts it and waits until its socket is there.
    fn start(command: &mut Command, socket: &Path) -> Self {
        let program = command.get_program().to_owned();
        let mut guard = Command::new("sh");
        let log = socket.with_extension("log");
        guard
            .arg("-c")
            .arg(r#""$@" >"$0" 2>&1 & cat >/dev/null; kill $!; wait"#)
            .arg(&log)
            .arg(&program)
            .args(command.get_args())
            .stdin(Stdio::piped());
        let daemon = Self(guard.spawn().unwrap());
        let began = Instant::now();
        while !socket.exists() {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(60), "{program:?}: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The digest of the one entry of a layout that a client wrote.
fn pulled(layout: &Path) -> String {
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// Whether root runs the tests: a Docker engine needs it.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}
