//! Pebble, an ACME directory. It validates every name at one port of 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;

use super::authority::Authority;
use super::program::find;

/// Runs a program until standard input ends, which also happens when the test process is killed.
const GUARD: &str = r#"
log=$1; shift
"$@" >"$log" 2>&1 &
cat >/dev/null
kill -KILL $!
wait"#;
/// Time for Pebble to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A port on which no process listens.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A running directory. It keeps its data in memory and ends when it is dropped.
pub(crate) struct Pebble {
    guards: Vec<Child>,
    directory: TempDir,
}

impl Pebble {
    /// The URL of a directory on this port.
    pub(crate) fn url(port: u16) -> String {
        format!("https://localhost:{port}/dir")
    }

    /// Starts a directory that validates at the port `asks` and whose certificates are valid for `life`.
    pub(crate) fn start(authority: &Authority, port: u16, asks: u16, life: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let certified = authority.certify(&["localhost"]);
        std::fs::write(path("cert.pem"), &certified.chain).unwrap();
        std::fs::write(path("key.pem"), &certified.key).unwrap();
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": "",
            "certificate": path("cert.pem"),
            "privateKey": path("key.pem"),
            "httpPort": closed_port(),
            "tlsPort": asks,
            "keyAlgorithm": "ecdsa",
            "profiles": { "default": { "description": "", "validityPeriod": life.as_secs() } },
        }});
        std::fs::write(path("config.json"), config.to_string()).unwrap();
        let names = format!("127.0.0.1:{}", closed_port());
        let management = format!("127.0.0.1:{}", closed_port());
        let resolver = [
            "-dnsserver",
            &names,
            "-management",
            &management,
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-doh",
            "",
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
        ];
        let pebble = ["-config", &path("config.json"), "-dnsserver", &names];
        let guards = vec![
            guarded("pebble-challtestsrv", &path("names.log"), &resolver),
            guarded("pebble", &path("log"), &pebble),
        ];
        let pebble = Self { guards, directory };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(began.elapsed() < START, "Pebble does not start: {}", pebble.said());
            sleep(Duration::from_millis(20));
        }
        pebble
    }

    /// Its output so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for guard in &mut self.guards {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

fn guarded(program: &str, log: &str, arguments: &[&str]) -> Child {
    let mut guard = Command::new("sh");
    guard.args(["-c", GUARD, "sh", log]).arg(find(program)).args(arguments);
    guard.env("PEBBLE_VA_NOSLEEP", "1");
    // The process group keeps an interrupt from the terminal away from Pebble before the tests have ended.
    guard.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    guard.spawn().unwrap()
}

/// A port that forwards connections to several instances in turn, once all instances have started.
pub(crate) struct Front {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    instances: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Front {
    /// Starts it. Connections wait until there are `count` instances.
    pub(crate) async fn start(count: usize) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let instances = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&instances);
        tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((mut client, _)) = listener.accept().await {
                let known = Arc::clone(&known);
                turn += 1;
                tokio::spawn(async move {
                    let instance = loop {
                        let all = known.lock().unwrap().clone();
                        if all.len() >= count {
                            break all[turn % count];
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    };
                    let mut server = tokio::net::TcpStream::connect(instance).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { port, instances }
    }

    /// Adds an instance.
    pub(crate) fn lead_to(&self, instance: SocketAddr) {
        self.instances.lock().unwrap().push(instance);
    }
}
