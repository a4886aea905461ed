//! Daemons for one test, such as a Docker engine. They end with the test, or with its process, however that ends.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::program::{Home, find};

/// Time for a daemon to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Runs the command until standard input ends, and then gives it 20 s to end. /etc/docker is a temporary file system that
/// vanishes with the mounts, and trusted authorities are read from `certs.d` in the home.
const GUARD: &str = r#"
log=$1; shift
[ ! -d certs.d ] || mkdir -p /etc/docker
[ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker || exit
[ ! -d certs.d ] || cp -r certs.d /etc/docker/ || exit
"$@" >"$log" 2>&1 &
cat >/dev/null
kill -TERM $!
for _ in $(seq 200); do kill -0 $! 2>/dev/null || break; sleep 0.1; done
kill -KILL $! 2>/dev/null
wait"#;

/// A running daemon. Dropping it ends the daemon and waits for that.
pub(crate) struct Daemon {
    log: PathBuf,
    guard: Child,
}

impl Daemon {
    /// Starts a program as root, in a mount namespace of its own, and waits until its socket is there.
    pub(crate) fn start(home: &Home, program: &str, arguments: &[&str], socket: &Path) -> Self {
        let log = home.path(&format!("{program}.log"));
        let mut command = home.command("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", GUARD, "sh"]);
        command.arg(&log).arg(find(program)).args(arguments);
        // The process group keeps an interrupt from the terminal away from the daemon before the tests have ended.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = command.spawn().unwrap();
        let mut daemon = Self { log, guard };
        let began = Instant::now();
        while std::os::unix::net::UnixStream::connect(socket).is_err() {
            assert!(daemon.guard.try_wait().unwrap().is_none(), "{program}: {}", daemon.said());
            assert!(began.elapsed() < START, "{program} does not start: {}", daemon.said());
            sleep(Duration::from_millis(50));
        }
        daemon
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Starts a containerd on directories below the home, and returns the path of its socket.
pub(crate) fn containerd(home: &Home) -> (Daemon, String) {
    let [root, state, address, config] =
        ["root", "state", "containerd.sock", "containerd.toml"].map(|name| home.text(name));
    let settings = "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n";
    std::fs::write(&config, settings).unwrap();
    let places = ["--config", &config, "--root", &root, "--state", &state, "--address", &address];
    (Daemon::start(home, "containerd", &places, Path::new(&address)), address)
}
