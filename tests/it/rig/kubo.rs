//! Private Kubo nodes: one that all tests share, and others for tests that damage theirs.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use af_registry::config::{self, ServerAddress};
use af_registry::ipld::Cid;
use data_encoding::BASE32_NOPAD;
use serde_json::json;

use super::client::random;

/// Runs the daemon until its own standard input ends, which also happens when the test process is killed.
const GUARD: &str = r#"
"$0" daemon $1 >"$IPFS_PATH/log" 2>&1 &
echo $! >"$IPFS_PATH/pid"
cat >/dev/null
kill -KILL $!
wait
mountpoint -q "$IPFS_PATH/blocks" && umount "$IPFS_PATH/blocks"
rm -rf "$IPFS_PATH""#;
/// Time for a daemon to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The node that all tests share. Tests must not remove or damage anything in it.
pub(crate) async fn kubo() -> config::Kubo {
    shared().settings.clone()
}

/// The shared node itself, for tests that check its content.
pub(crate) fn shared() -> &'static Node {
    static SHARED: OnceLock<Node> = OnceLock::new();
    SHARED.get_or_init(Node::start)
}

/// A node that only one test uses.
pub(crate) struct Node {
    pub(crate) settings: config::Kubo,
    repo: PathBuf,
    /// One for each start of the daemon.
    guards: Vec<Child>,
    /// The login of the RPC API, in the form of `ipfs --api-auth`.
    secret: Option<String>,
}

impl Node {
    /// Starts a node and waits until it listens.
    pub(crate) fn start() -> Self {
        Self::launch(None, "--offline")
    }

    /// Starts two nodes with a swarm of their own, each the other's only peer.
    pub(crate) fn pair() -> [Self; 2] {
        let nodes = [(); 2].map(|()| Self::launch(None, ""));
        nodes[1].ipfs(&["swarm", "connect", &nodes[0].address_in_swarm()]);
        nodes
    }

    /// Starts three nodes with a private swarm, in which each is the peer of the others.
    pub(crate) fn swarm() -> [Self; 3] {
        let key: String = random(1, 32).iter().map(|byte| format!("{byte:02x}")).collect();
        let nodes = [(); 3].map(|()| {
            Self::launch_with(None, "--routing=none", |repo| {
                let text = format!("/key/swarm/psk/1.0.0/\n/base16/\n{key}\n");
                std::fs::write(repo.join("swarm.key"), text).unwrap();
                run(repo, &["config", "--json", "Gateway.NoFetch", "false"]);
            })
        });
        for (node, others) in [(&nodes[0], &nodes[1..]), (&nodes[1], &nodes[2..])] {
            for other in others {
                node.ipfs(&["swarm", "connect", &other.address_in_swarm()]);
            }
        }
        nodes
    }

    fn address_in_swarm(&self) -> String {
        let addresses = self.ipfs(&["id", "-f", "<addrs>"]);
        let address = addresses.lines().find(|line| line.contains("/ip4/127.0.0.1/tcp/"));
        address.unwrap().to_owned()
    }

    /// Starts a node whose blocks are on a file system of their own with so much space and so many files. Only root can.
    pub(crate) fn on_small_disk(bytes: usize, files: usize) -> Self {
        Self::launch_with(None, "--offline", |repo| {
            let options = format!("size={bytes},nr_inodes={files},mode=700");
            let blocks = repo.join("blocks");
            let kept = repo.join("blocks.new");
            std::fs::rename(&blocks, &kept).unwrap();
            std::fs::create_dir(&blocks).unwrap();
            let mut mount = Command::new("mount");
            run_command(mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&blocks));
            let mut copy = Command::new("cp");
            run_command(copy.arg("-a").arg(kept.join(".")).arg(&blocks));
        })
    }

    /// Starts a node that listens on unix sockets instead of TCP ports.
    pub(crate) fn on_sockets() -> Self {
        Self::launch_with(None, "--offline", |repo| {
            for (name, file) in [("API", "api.sock"), ("Gateway", "gateway.sock")] {
                edit(repo, name, &format!("/unix{}", repo.join(file).display()));
            }
        })
    }

    /// Starts a node that removes what no pin holds by itself, every second.
    pub(crate) fn collecting() -> Self {
        Self::launch_with(None, "--offline --enable-gc", |repo| {
            for (key, value) in [("GCPeriod", "1s"), ("StorageMax", "1B")] {
                run(repo, &["config", &format!("Datastore.{key}"), value]);
            }
            run(repo, &["config", "--json", "Datastore.StorageGCWatermark", "1"]);
        })
    }

    /// Starts a node whose RPC API requires `bearer:<token>` or `basic:<user>:<password>`.
    pub(crate) fn guarded(secret: &str) -> Self {
        Self::launch(Some(secret.to_owned()), "--offline")
    }

    fn launch(secret: Option<String>, mode: &str) -> Self {
        Self::launch_with(secret, mode, |_| {})
    }

    fn launch_with(secret: Option<String>, mode: &str, configure: impl Fn(&Path)) -> Self {
        let repo = tempfile::Builder::new().prefix("af-registry-kubo-").tempdir().unwrap().keep();
        for arguments in [
            &["init", "--profile=test"][..],
            &["config", "profile", "apply", "unixfs-v1-2025"],
            &["config", "--json", "Gateway.NoFetch", "true"],
            &["config", "--json", "Gateway.NoDNSLink", "true"],
            &["config", "--json", "Provide.Enabled", "false"],
            // With this cache a node would not write a damaged block again.
            &["config", "--json", "Datastore.BlockKeyCacheSize", "0"],
        ] {
            run(&repo, arguments);
        }
        if let Some(secret) = &secret {
            let who = json!({ "registry": { "AuthSecret": secret, "AllowedPaths": ["/api/v0"] } });
            run(&repo, &["config", "--json", "API.Authorizations", &who.to_string()]);
        }
        configure(&repo);
        let guards = vec![daemon(&repo, mode)];
        let address = |name| listening(&repo, name);
        let (api, gateway) = (address("api"), Some(address("gateway")));
        let settings = config::Kubo { gateway, ..config::Kubo::at(api) };
        Self { settings, repo, guards, secret }
    }

    /// Ends the daemon by this signal, and waits until it takes no connections. [`Node::resume`] starts it again.
    pub(crate) fn end_by(&self, signal: &str) {
        self.signal(signal);
        let began = Instant::now();
        while std::net::TcpStream::connect((
            self.settings.api.host.as_str(),
            self.settings.api.port,
        ))
        .is_ok()
        {
            assert!(began.elapsed() < START, "Kubo does not end");
            sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal to the daemon.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.repo.join("pid")).unwrap();
        run_command(Command::new("kill").args([signal, pid.trim()]));
    }

    /// Starts the daemon again at its addresses, and waits until it listens.
    pub(crate) fn resume(&mut self) {
        let gateway = self.settings.gateway.as_ref().unwrap();
        for (name, address) in [("API", &self.settings.api), ("Gateway", gateway)] {
            let address = format!("/ip4/127.0.0.1/tcp/{}", address.port);
            edit(&self.repo, name, &address);
        }
        for file in ["api", "gateway"] {
            let _ = std::fs::remove_file(self.repo.join(file));
        }
        self.guards.push(daemon(&self.repo, "--offline"));
        listening(&self.repo, "gateway");
    }

    /// The CID that `ipfs add` gives a file.
    pub(crate) fn add(&self, file: &Path) -> Cid {
        self.ipfs(&["add", "-Q", "--pin=false", file.to_str().unwrap()]).parse().unwrap()
    }

    /// The CID that `ipfs add` gives these bytes.
    pub(crate) fn cid_of(&self, bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        self.add(file.path()).to_string()
    }

    /// The bytes of the file with this CID.
    pub(crate) fn cat(&self, cid: &str) -> Vec<u8> {
        let output =
            Command::new(binary()).args(["cat", cid]).envs(environment(&self.repo)).output();
        output.unwrap().stdout
    }

    /// Whether a CID is pinned recursively.
    pub(crate) fn is_pinned(&self, cid: &str) -> bool {
        self.pins().iter().any(|pin| pin == cid)
    }

    /// All CIDs that are pinned recursively.
    pub(crate) fn pins(&self) -> Vec<String> {
        let pins = self.ipfs(&["pin", "ls", "--type=recursive", "-q"]);
        pins.lines().map(str::to_owned).collect()
    }

    /// Drops a pin, as nobody should.
    pub(crate) fn unpin(&self, cid: &str) {
        self.ipfs(&["pin", "rm", cid]);
    }

    /// Removes every block that is not pinned.
    pub(crate) fn collect(&self) {
        self.ipfs(&["repo", "gc", "--quiet"]);
    }

    /// Whether the node has a block.
    pub(crate) fn has_block(&self, cid: &Cid) -> bool {
        self.block_file(cid).exists()
    }

    pub(crate) fn ipfs(&self, arguments: &[&str]) -> String {
        let secret = self.secret.as_ref().map(|secret| format!("--api-auth={secret}"));
        let arguments: Vec<&str> =
            secret.as_deref().into_iter().chain(arguments.iter().copied()).collect();
        run(&self.repo, &arguments)
    }

    /// The directory of the repository, for a server that reads the files in it.
    pub(crate) fn repository(&self) -> &str {
        self.repo.to_str().unwrap()
    }

    /// The file that holds a block.
    pub(crate) fn block_file(&self, cid: &Cid) -> PathBuf {
        let name = BASE32_NOPAD.encode(&cid.to_bytes()[2..]);
        let shard = &name[name.len() - 3..name.len() - 1];
        self.repo.join("blocks").join(shard).join(format!("{name}.data"))
    }

    /// The bytes in all blocks.
    pub(crate) fn stored_bytes(&self) -> usize {
        let shards = std::fs::read_dir(self.repo.join("blocks")).unwrap().flatten();
        let blocks = shards.filter_map(|shard| std::fs::read_dir(shard.path()).ok()).flatten();
        // A block may be collected meanwhile.
        let sizes = blocks.flatten().filter_map(|block| block.metadata().ok());
        sizes.map(|block| usize::try_from(block.len()).unwrap()).sum()
    }

    /// Kills the node, as a crash would.
    pub(crate) fn kill(&mut self) {
        for guard in &mut self.guards {
            drop(guard.stdin.take());
            guard.wait().unwrap();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a daemon and the process that guards it.
fn daemon(repo: &Path, mode: &str) -> Child {
    let mut guard = Command::new("sh");
    guard.arg("-c").arg(GUARD).arg(binary()).arg(mode).envs(environment(repo));
    // The process group keeps an interrupt from the terminal away from the daemon before the tests have ended.
    guard.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    guard.spawn().unwrap()
}

/// Writes an address into the configuration. `ipfs config` cannot while the lock of a daemon that was killed is there.
fn edit(repo: &Path, name: &str, address: &str) {
    let file = repo.join("config");
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    config["Addresses"][name] = json!(address);
    std::fs::write(file, config.to_string()).unwrap();
}

fn run_command(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// Runs `ipfs` to its end and returns what it printed.
fn run(repo: &Path, arguments: &[&str]) -> String {
    let output = Command::new(binary()).args(arguments).envs(environment(repo)).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ipfs {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn environment(repo: &Path) -> [(&'static str, &std::ffi::OsStr); 2] {
    [("IPFS_PATH", repo.as_os_str()), ("IPFS_TELEMETRY", "off".as_ref())]
}

/// The program `ipfs`.
pub(crate) fn binary() -> PathBuf {
    super::program::find("ipfs")
}

/// Waits for the file to which a daemon writes the address of a listener.
fn listening(repo: &Path, name: &str) -> ServerAddress {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(repo.join(name)).unwrap_or_default();
        // `api` contains `/unix/<path>`, and `gateway` contains `http:///<path>`, or both have a port.
        let path = text.strip_prefix("/unix").or(text.strip_prefix("http://"));
        if let Some(path) = path.filter(|path| path.starts_with('/')) {
            return ServerAddress::of_socket(path.trim());
        }
        // `api` contains `/ip4/127.0.0.1/tcp/<port>`, and `gateway` contains `http://127.0.0.1:<port>`.
        let port = text.trim().rsplit(['/', ':']).next().and_then(|port| port.parse().ok());
        if let Some(port) = port {
            return ServerAddress { https: false, host: "127.0.0.1".into(), port };
        }
        let log = || std::fs::read_to_string(repo.join("log")).unwrap_or_default();
        assert!(began.elapsed() < START, "Kubo does not start: {}", log());
        sleep(Duration::from_millis(50));
    }
}
