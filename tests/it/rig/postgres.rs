//! A private PostgreSQL, started once, and a database of its own for each test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use af_registry::store::{Others, Settings, Store, Tls};
use tokio_postgres::NoTls;

const TEMPLATE: &str = "registry_template";

/// A migrated, empty database.
pub(crate) struct Database {
    /// The store on this database.
    pub(crate) store: Store,
    /// A second client, to check rows and to hold locks.
    pub(crate) admin: tokio_postgres::Client,
    /// How to connect to it.
    pub(crate) settings: Settings,
}

/// A new database that only one test uses.
pub(crate) async fn database() -> Database {
    shared().database().await
}

/// The cluster that most tests share. It ends with the process.
pub(crate) fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}

/// A running PostgreSQL with a directory of its own. It ends when this is dropped, or when the process ends for any reason:
/// the keeper reads from a pipe that this process holds open.
pub(crate) struct Cluster {
    directory: PathBuf,
    keeper: Child,
    databases: AtomicU32,
    port: u16,
    /// Options that other clusters do not have.
    options: String,
}

impl Cluster {
    /// Starts a cluster, which takes two seconds. Nothing is synced to disk, because no test needs the data after a crash of
    /// the machine.
    pub(crate) fn start() -> Self {
        let directory = new_directory();
        run(owner("initdb")
            .arg("-D")
            .arg(directory.join("data"))
            .args(["-U", "registry", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            .stdout(Stdio::null()));
        let keeper = keeper(&directory);
        let (databases, port) = (AtomicU32::new(0), 5432);
        let cluster = Self { directory, keeper, databases, port, options: String::new() };
        cluster.control(&["start", "-o", &cluster.options()]);
        cluster.migrate_template();
        cluster
    }

    /// Starts a cluster that also listens on 127.0.0.1, with TLS. Over TCP the role `careful` needs TLS and its password,
    /// `hunter2`.
    pub(crate) async fn encrypted(chain: &str, key: &str) -> Self {
        let mut cluster = tokio::task::spawn_blocking(Self::start).await.unwrap();
        let data = cluster.directory.join("data");
        for (name, text) in [("server.crt", chain), ("server.key", key)] {
            let file = data.join(name);
            std::fs::write(&file, text).unwrap();
            run(Command::new("chmod").arg("600").arg(&file));
            if is_root() {
                run(Command::new("chown").arg("postgres:").arg(&file));
            }
        }
        let rules = std::fs::read_to_string(data.join("pg_hba.conf")).unwrap();
        let careful = "hostssl all careful all scram-sha-256\nhost all careful all reject\n";
        std::fs::write(data.join("pg_hba.conf"), careful.to_owned() + &rules).unwrap();
        let admin = connect(&cluster.settings("postgres")).await;
        let role = "CREATE ROLE careful SUPERUSER LOGIN PASSWORD 'hunter2'";
        admin.batch_execute(role).await.unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        cluster.port = free.local_addr().unwrap().port();
        drop(free);
        cluster.options =
            format!("-c listen_addresses=localhost -c port={} -c ssl=on", cluster.port);
        cluster.restart();
        cluster
    }

    /// Starts a cluster that asks three roles for the password `hunter2`, each in its own form: `plain` in clear text,
    /// `hashed` as MD5, `scrambled` by SCRAM.
    pub(crate) async fn asking() -> Self {
        let cluster = tokio::task::spawn_blocking(Self::start).await.unwrap();
        let file = cluster.directory.join("data/pg_hba.conf");
        let rules = std::fs::read_to_string(&file).unwrap();
        let asking =
            "local all plain password\nlocal all hashed md5\nlocal all scrambled scram-sha-256\n";
        std::fs::write(&file, asking.to_owned() + &rules).unwrap();
        let admin = connect(&cluster.settings("postgres")).await;
        let roles = "SET password_encryption = 'scram-sha-256';
            CREATE ROLE plain SUPERUSER LOGIN PASSWORD 'hunter2';
            CREATE ROLE scrambled SUPERUSER LOGIN PASSWORD 'hunter2';
            SET password_encryption = 'md5';
            CREATE ROLE hashed SUPERUSER LOGIN PASSWORD 'hunter2';
            SELECT pg_reload_conf()";
        admin.batch_execute(roles).await.unwrap();
        cluster.restart();
        cluster
    }

    /// Restarts PostgreSQL at once, which ends all connections and makes a recovery necessary.
    pub(crate) fn restart(&self) {
        self.control(&["restart", "-m", "immediate", "-o", &self.options()]);
    }

    /// Stops PostgreSQL at once, which ends all connections.
    pub(crate) fn stop(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Kills the first process of PostgreSQL by SIGKILL, and waits until the others have noticed. A start fails while one of
    /// them is left.
    pub(crate) fn crash(&self) {
        let data = self.directory.join("data");
        let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let pid = file.lines().next().unwrap();
        run(Command::new("kill").args(["-KILL", pid]));
        let first = Path::new("/proc").join(pid);
        while first.exists() || !working_below(&data).is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Sends a signal to every process of PostgreSQL.
    pub(crate) fn signal(&self, signal: &str) {
        for pid in working_below(&self.directory.join("data")) {
            // A process may have ended meanwhile.
            let _ = Command::new("kill").args([signal, &pid.to_string()]).status();
        }
    }

    /// Starts PostgreSQL again after [`Cluster::stop`] or [`Cluster::crash`].
    pub(crate) fn resume(&self) {
        self.control(&["start", "-o", &self.options()]);
    }

    /// The directory of its unix socket.
    pub(crate) fn host(&self) -> &str {
        self.directory.to_str().unwrap()
    }

    /// A new cluster that replicates this one.
    pub(crate) fn standby(&self) -> Self {
        let directory = new_directory();
        run(owner("pg_basebackup")
            .arg("-D")
            .arg(directory.join("data"))
            .args(["-h", self.host(), "-U", "registry"])
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]));
        let keeper = keeper(&directory);
        let databases = AtomicU32::new(1000);
        let standby =
            Self { directory, keeper, databases, port: self.port, options: String::new() };
        standby.control(&["start", "-o", &standby.options()]);
        standby
    }

    /// Acknowledges commits only when the standby has them, from the time on when it has connected.
    pub(crate) async fn replicate_synchronously(&self, admin: &tokio_postgres::Client) {
        admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let replicating = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while admin.query_one(replicating, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Makes a standby accept writes.
    pub(crate) fn promote(&self) {
        self.control(&["promote"]);
    }

    /// Kills all processes of PostgreSQL, as the end of the machine would.
    pub(crate) fn kill(&self) {
        let data = self.directory.join("data").canonicalize().unwrap();
        let processes = std::fs::read_dir("/proc").unwrap().flatten().filter(|process| {
            std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == data)
        });
        let pids: Vec<_> = processes.map(|process| process.file_name()).collect();
        run(Command::new("kill").arg("-KILL").args(&pids));
    }

    /// A new migrated database whose files are in this directory.
    pub(crate) async fn database_below(&self, place: &Path) -> Database {
        let admin = connect(&self.settings("postgres")).await;
        let place = place.display();
        admin.batch_execute(&format!("CREATE TABLESPACE below LOCATION '{place}'")).await.unwrap();
        self.cloned(&format!("TEMPLATE {TEMPLATE} TABLESPACE below")).await
    }

    /// The unix socket that it listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join(".s.PGSQL.5432")
    }

    /// A new migrated database, cloned from a template.
    pub(crate) async fn database(&self) -> Database {
        self.cloned(&format!("TEMPLATE {TEMPLATE}")).await
    }

    async fn cloned(&self, clause: &str) -> Database {
        let settings = self.empty_database(clause).await;
        let store = Store::connect(&settings).await.unwrap();
        let admin = connect(&settings).await;
        Database { store, admin, settings }
    }

    /// A new database without a schema, or with this clause of CREATE DATABASE.
    pub(crate) async fn empty_database(&self, clause: &str) -> Settings {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&self.settings("postgres")).await;
        admin.batch_execute(&format!("CREATE DATABASE {name} {clause}")).await.unwrap();
        self.settings(&name)
    }

    fn settings(&self, database: &str) -> Settings {
        Settings {
            host: self.directory.to_str().unwrap().to_owned(),
            port: self.port,
            others: Others::default(),
            user: "registry".into(),
            password: None,
            database: database.into(),
            pool_size: 8,
            tls: Tls::default(),
        }
    }

    fn options(&self) -> String {
        format!(
            "-k {} -c listen_addresses='' -c max_connections=400 -c fsync=off \
             -c full_page_writes=off -c autovacuum=off -c max_wal_size=4GB \
             -c wal_retrieve_retry_interval=50ms {}",
            self.directory.display(),
            self.options
        )
    }

    fn control(&self, arguments: &[&str]) {
        run(owner("pg_ctl")
            .args(arguments)
            .args(["--silent", "--wait", "-D"])
            .arg(self.directory.join("data"))
            .arg("-l")
            .arg(self.directory.join("log")));
    }

    /// Migrates the template in a thread of its own, because the caller may already be inside a runtime.
    fn migrate_template(&self) {
        let (admin, settings) = (self.settings("postgres"), self.settings(TEMPLATE));
        let migrate = async move {
            let create = format!("CREATE DATABASE {TEMPLATE}");
            connect(&admin).await.batch_execute(&create).await.unwrap();
            Store::migrate(&settings).await.unwrap();
            // A database can only be cloned while nobody is connected to it.
            let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1";
            let admin = connect(&admin).await;
            while admin.query_one(others, &[&TEMPLATE]).await.unwrap().get::<_, i64>(0) > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || runtime.block_on(migrate)).join().unwrap();
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
    }
}

/// A new client of this database.
pub(crate) async fn connect(settings: &Settings) -> tokio_postgres::Client {
    let mut config = tokio_postgres::Config::new();
    config.host(&settings.host).port(settings.port).user(&settings.user).dbname(&settings.database);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A process that waits for the end of the pipe, then stops PostgreSQL and removes its directory.
fn keeper(directory: &Path) -> Child {
    let script = r#"trap '' INT TERM HUP; read -r _; "$@" >/dev/null 2>&1; rm -rf "$0""#;
    let stop = owner("pg_ctl");
    Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(directory)
        .arg(stop.get_program())
        .args(stop.get_args())
        .args(["stop", "-m", "immediate", "--silent", "-D"])
        .arg(directory.join("data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A program of PostgreSQL, run as the user postgres if this is root, because PostgreSQL refuses to run as root.
fn owner(program: &str) -> Command {
    let program = binaries().join(program);
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

/// The directory with the programs: Debian's newest version, which is not in PATH, else the one in PATH.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(version);
    newest.map(|path| path.join("bin")).unwrap_or_default()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A new directory that the user of PostgreSQL owns.
fn new_directory() -> PathBuf {
    let directory = std::env::temp_dir().join(format!("af-registry-it-{}", unique()));
    std::fs::create_dir(&directory).unwrap();
    if is_root() {
        run(Command::new("chown").arg("postgres:").arg(&directory));
    }
    directory
}

fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{command:?}: {status:?}");
}

fn unique() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", std::process::id(), &id[..8])
}

/// The processes whose working directory is below this one. Those are the partners of its server.
pub(crate) fn working_below(directory: &Path) -> Vec<u32> {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ours = processes.filter(|entry| {
        std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&directory))
    });
    ours.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}
