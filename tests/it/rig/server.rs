//! A real `af-registry` process over a database of its own and the shared Kubo.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use af_registry::config;
use serde_json::Value;
use tempfile::TempDir;

use super::Database;
use super::authority::Authority;
use super::client::Client;
use super::kubo::Node;
use super::program::scratch;

/// How long a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server is started with.
pub(crate) struct Builder {
    env: Vec<(String, String)>,
    database: Arc<Database>,
    kubo: config::Kubo,
    /// Where its certificate is.
    certified: Option<Arc<TempDir>>,
}

/// A name of a server that no resolver knows.
pub(crate) const NAME: &str = "registry.test";

/// A running server. Killed when dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) metrics: SocketAddr,
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    builder: Builder,
}

/// A server with its own database, everything else at its default.
pub(crate) async fn server() -> Server {
    builder().await.start().await
}

/// The same, to be changed before it starts.
pub(crate) async fn builder() -> Builder {
    let (database, kubo) = (Arc::new(super::database().await), super::kubo().await);
    Builder { env: Vec::new(), database, kubo, certified: None }
}

impl Builder {
    /// Sets one environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Speaks TLS, with a certificate of this authority for this machine and for [`NAME`].
    pub(crate) fn tls(mut self, authority: &Authority) -> Self {
        let certified = authority.certify(&["localhost", "127.0.0.1", NAME]);
        let directory = scratch();
        for (variable, name, text) in [
            ("OPEN_REGISTRY_TLS_CERT_FILE", "server.crt", &certified.chain),
            ("OPEN_REGISTRY_TLS_KEY_FILE", "server.key", &certified.key),
        ] {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            self = self.env(variable, path.to_str().unwrap());
        }
        self.certified = Some(Arc::new(directory));
        self
    }

    /// Reads through `cat` instead of the gateway.
    pub(crate) fn without_gateway(mut self) -> Self {
        self.kubo.gateway = None;
        self
    }

    /// Stores the bytes in another node than the one that all tests share.
    pub(crate) fn on(mut self, node: &Node) -> Self {
        self.kubo = node.settings.clone();
        self
    }

    /// Forgets what was set about TLS and login.
    pub(crate) fn plain(mut self) -> Self {
        self.env.retain(|(name, _)| !name.contains("_TLS_") && !name.ends_with("_AUTH"));
        self
    }

    /// Whether everybody may come: a test's server, if it asks for no login, is under any name and behind any proxy.
    fn anonymous(&self) -> &'static str {
        let asks =
            self.env.iter().any(|(name, value)| name == "OPEN_REGISTRY_AUTH" && value == "token");
        if asks { "false" } else { "true" }
    }

    /// Lets a second server share this one's database.
    pub(crate) fn beside(other: &Server) -> Self {
        let builder = &other.builder;
        Self {
            env: builder.env.clone(),
            database: Arc::clone(&builder.database),
            kubo: builder.kubo.clone(),
            certified: builder.certified.clone(),
        }
    }

    /// Starts the process and waits until it listens.
    pub(crate) async fn start(self) -> Server {
        let postgres = &self.database.settings;
        let mut command = Command::new(env!("CARGO_BIN_EXE_af-registry"));
        command
            .env_remove("RUST_LOG")
            .env("OPEN_REGISTRY_PORT", "0")
            .env("OPEN_REGISTRY_METRICS_PORT", "0")
            .env("OPEN_REGISTRY_LOG_FORMAT", "json")
            .env("OPEN_REGISTRY_AUTH", "none")
            .env("OPEN_REGISTRY_INSECURE_ANONYMOUS", self.anonymous())
            .env("OPEN_REGISTRY_DFS_IPFS_API_URL", self.kubo.api.to_string())
            .env("OPEN_REGISTRY_DB_HOST", &postgres.host)
            .env("OPEN_REGISTRY_DB_PORT", postgres.port.to_string())
            .env("OPEN_REGISTRY_DB_USER", &postgres.user)
            .env("OPEN_REGISTRY_DB_NAME", &postgres.database)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(gateway) = &self.kubo.gateway {
            command.env("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", gateway.to_string());
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().expect("the server starts");
        let lines = follow(&mut child);
        let (addr, metrics) = listening(&lines).await;
        Server { addr, metrics, child, lines, builder: self }
    }
}

/// Gathers the server's log, and shows what is not JSON: that is a panic or worse.
pub(super) fn follow(child: &mut Child) -> Arc<Mutex<Vec<Value>>> {
    let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let lines = Arc::new(Mutex::new(Vec::new()));
    let gathered = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(value) => gathered.lock().expect("the log lock").push(value),
                Err(_) => eprintln!("server: {line}"),
            }
        }
    });
    lines
}

pub(super) async fn listening(lines: &Mutex<Vec<Value>>) -> (SocketAddr, SocketAddr) {
    let began = Instant::now();
    loop {
        let found = lines.lock().expect("the log lock").iter().find_map(|line| {
            (line["event"] == "listening")
                .then(|| (line["address"].clone(), line["metrics"].clone()))
        });
        if let Some((addr, metrics)) = found {
            let parse =
                |value: Value| value.as_str().expect("an address").parse().expect("an address");
            return (parse(addr), parse(metrics));
        }
        if began.elapsed() > PATIENCE {
            panic!("the server did not listen; it said {:#?}", lines.lock());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Server {
    /// A client of this server.
    pub(crate) fn client(&self) -> Client {
        Client { addr: self.addr }
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> String {
        self.addr.to_string()
    }

    /// The database it works on.
    pub(crate) fn database(&self) -> &Database {
        &self.builder.database
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.lines.lock().expect("the log lock").clone()
    }

    /// Waits for a line of the log with this event for which `matches` holds.
    pub(crate) async fn logged(&self, event: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            if let Some(line) = self.log().into_iter().find(|l| l["event"] == event && matches(l)) {
                return line;
            }
            assert!(began.elapsed() < PATIENCE, "no {event} in {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks the process to end.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the process to end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the server is ours") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the server did not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the process, as `kill -9` does, and starts a new one on the same database.
    pub(crate) async fn restart(mut self) -> Server {
        let _ = self.child.kill();
        let _ = self.child.wait();
        Builder::beside(&self).start().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
