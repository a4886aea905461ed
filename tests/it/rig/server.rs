//! Real `af-registry` processes, each with a database of its own and the shared Kubo.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use af_registry::config;
use serde_json::Value;
use tempfile::TempDir;

use super::Database;
use super::activation::{program, program_on};
use super::authority::Authority;
use super::client::Client;
use super::kubo::Node;
use super::program::scratch;

/// Longest start or stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of a server that is to be started.
pub(crate) struct Builder {
    env: Vec<(String, String)>,
    database: Arc<Database>,
    kubo: config::Kubo,
    /// A socket that it takes over.
    socket: Option<Arc<TcpListener>>,
    /// The directory with its certificate.
    certified: Option<Arc<TempDir>>,
    /// Its data directory, with copies of layers.
    cache: Option<Arc<TempDir>>,
}

/// A server name that no resolver knows.
pub(crate) const NAME: &str = "registry.test";

/// A running server. Dropping it kills the process.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) metrics: SocketAddr,
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    builder: Builder,
}

/// Starts a server with a new database and defaults for everything else.
pub(crate) async fn server() -> Server {
    builder().await.start().await
}

/// As [`server`], but not started, so that settings can be changed.
pub(crate) async fn builder() -> Builder {
    let (database, kubo) = (Arc::new(super::database().await), super::kubo().await);
    Builder { env: Vec::new(), database, kubo, socket: None, certified: None, cache: None }
}

impl Builder {
    /// Sets one environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the server this socket to listen on. Servers beside it get it too.
    pub(crate) fn on_socket(mut self, socket: TcpListener) -> Self {
        self = self.env("OPEN_REGISTRY_PORT", &socket.local_addr().unwrap().port().to_string());
        self.socket = Some(Arc::new(socket));
        self
    }

    /// Turns TLS on, with a certificate of this authority for `localhost`, 127.0.0.1 and [`NAME`].
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

    /// Reads blobs by the RPC call `cat` instead of the gateway.
    pub(crate) fn without_gateway(mut self) -> Self {
        self.kubo.gateway = None;
        self
    }

    /// Keeps copies of layers, which other servers do not: most tests look at what Kubo stores.
    pub(crate) fn cached(mut self) -> Self {
        let directory = scratch();
        let path = directory.path().to_str().unwrap().to_owned();
        self.cache = Some(Arc::new(directory));
        self.env("OPEN_REGISTRY_DATA_DIR", &path).env("OPEN_REGISTRY_CACHE_SIZE", "64MiB")
    }

    /// Uses this database instead of a new one in the shared PostgreSQL.
    pub(crate) fn at(mut self, database: Database) -> Self {
        self.database = Arc::new(database);
        self
    }

    /// Uses this Kubo node instead of the shared one.
    pub(crate) fn on(mut self, node: &Node) -> Self {
        self.kubo = node.settings.clone();
        self
    }

    /// Removes the settings of TLS and login.
    pub(crate) fn plain(mut self) -> Self {
        self.env.retain(|(name, _)| !name.contains("_TLS_") && !name.ends_with("_AUTH"));
        self
    }

    /// `true` if this server asks for no login. It then takes requests under any host name and from any proxy.
    fn anonymous(&self) -> &'static str {
        let asks =
            self.env.iter().any(|(name, value)| name == "OPEN_REGISTRY_AUTH" && value == "token");
        if asks { "false" } else { "true" }
    }

    /// A second server with the database and the settings of a running one.
    pub(crate) fn beside(other: &Server) -> Self {
        let builder = &other.builder;
        Self {
            env: builder.env.clone(),
            database: Arc::clone(&builder.database),
            kubo: builder.kubo.clone(),
            socket: builder.socket.clone(),
            certified: builder.certified.clone(),
            cache: builder.cache.clone(),
        }
    }

    /// Starts the process and waits until it listens.
    pub(crate) async fn start(self) -> Server {
        let mut command = self.command();
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
        let lines = follow(&mut child);
        let (addr, metrics) = listening(&lines).await;
        Server { addr, metrics, child, lines, builder: self }
    }

    /// The program with these settings.
    fn command(&self) -> Command {
        let postgres = &self.database.settings;
        let socket = self.socket.as_ref().map(|socket| OwnedFd::from(socket.try_clone().unwrap()));
        let mut command = socket.map_or_else(program, program_on);
        command
            .env_remove("RUST_LOG")
            .env("OPEN_REGISTRY_PORT", "0")
            .env("OPEN_REGISTRY_METRICS_PORT", "0")
            .env("OPEN_REGISTRY_LOG_FORMAT", "json")
            .env("OPEN_REGISTRY_CACHE_SIZE", "0")
            .env("OPEN_REGISTRY_AUTH", "none")
            .env("OPEN_REGISTRY_INSECURE_ANONYMOUS", self.anonymous())
            .env("OPEN_REGISTRY_DFS_IPFS_API_URL", self.kubo.api.to_string())
            .env("OPEN_REGISTRY_DB_HOST", &postgres.host)
            .env("OPEN_REGISTRY_DB_PORT", postgres.port.to_string())
            .env("OPEN_REGISTRY_DB_USER", &postgres.user)
            .env("OPEN_REGISTRY_DB_NAME", &postgres.database);
        if let Some(gateway) = &self.kubo.gateway {
            command.env("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", gateway.to_string());
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Collects the log of a server. Lines that are not JSON, such as those of a panic, are printed.
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
    /// A client for this server.
    pub(crate) fn client(&self) -> Client {
        Client { addr: self.addr }
    }

    /// The address of this server, as `host:port`.
    pub(crate) fn host(&self) -> String {
        self.addr.to_string()
    }

    /// The database of this server.
    pub(crate) fn database(&self) -> &Database {
        &self.builder.database
    }

    /// The folder with the copies of a server that keeps some.
    pub(crate) fn copies(&self) -> std::path::PathBuf {
        self.builder.cache.as_ref().expect("a cache").path().join("cache/0")
    }

    /// The process id of this server.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.lines.lock().expect("the log lock").clone()
    }

    /// Waits for a line of the log that has this event and for which `matches` returns true.
    pub(crate) async fn logged(&self, event: &str, matches: impl Fn(&Value) -> bool) -> Value {
        line(|| self.log(), event, |line| line["event"] == event && matches(line)).await
    }

    /// Waits for a line of the log that contains this text. Lines may come some milliseconds after the answer.
    pub(crate) async fn says(&self, text: &str) {
        line(|| self.log(), text, |line| line.to_string().contains(text)).await;
    }

    /// The sum of all samples whose line begins with `begin` and contains `label`.
    pub(crate) async fn metric(&self, begin: &str, label: &str) -> f64 {
        let metrics = Client { addr: self.metrics }.get("/metrics").await.expect(200).body;
        let text = String::from_utf8(metrics.to_vec()).unwrap();
        let samples = text.lines().filter(|line| line.starts_with(begin) && line.contains(label));
        samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// A command of the program, with the settings of this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.builder.command();
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Kills the process by SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Sends SIGTERM to the process.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end of the process.
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

    /// Kills the process by SIGKILL and starts a new one with the same database.
    pub(crate) async fn restart(mut self) -> Server {
        self.kill();
        Builder::beside(&self).start().await
    }
}

/// Waits for a line of a log. `what` names it where it does not come.
pub(super) async fn line(
    log: impl Fn() -> Vec<Value>,
    what: &str,
    matches: impl Fn(&Value) -> bool,
) -> Value {
    let began = Instant::now();
    loop {
        if let Some(line) = log().into_iter().find(&matches) {
            return line;
        }
        assert!(began.elapsed() < PATIENCE, "no {what} in {:#?}", log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
