//! A server that cannot start prints one line that says why and how to fix it, exits with 1, and leaves nothing behind.

use std::net::TcpListener;
use std::path::Path;

use crate::rig;
use crate::rig::launch::{Launch, working_below};
use crate::rig::server::builder;

/// A port on which no process listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A directory to use as the search path. It contains only `setpriv`, which starts the children.
fn bare_path() -> tempfile::TempDir {
    let path = tempfile::tempdir().unwrap();
    let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].into_iter().find(|p| Path::new(p).exists());
    std::os::unix::fs::symlink(setpriv.unwrap(), path.path().join("setpriv")).unwrap();
    path
}

/// The files that a refused start left in its data directory, apart from the lock file, which locks nothing any more.
fn left_in(data: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name != "lock").collect()
}

#[tokio::test]
async fn a_bad_value_is_named() {
    let cases = [
        ("OPEN_REGISTRY_PORT", "seventy", "not a whole number"),
        ("OPEN_REGISTRY_DRAIN_TIME", "30", "needs a unit"),
        ("OPEN_REGISTRY_LIMIT_MANIFEST_BYTES", "lots", "not a size"),
        ("OPEN_REGISTRY_ALLOW_SPARSE_INDEX", "perhaps", "write true or false"),
        ("OPEN_REGISTRY_DB_HOST", "postgres://x", "not a host"),
        ("OPEN_REGISTRY_DFS_IPFS_API_URL", "ftp://x", "http://"),
    ];
    for (name, value, why) in cases {
        Launch::new().env(name, value).refused().await.names(&[name, why]);
    }
}

#[tokio::test]
async fn an_unknown_flag_is_named_with_the_nearest() {
    Launch::new().flag("--prot=1").refused().await.names(&["--prot", "--port"]);
    Launch::new().flag("--qqqqqqqq").refused().await.names(&["--qqqqqqqq", "--help"]);
    Launch::new().flag("stray").refused().await.names(&["stray"]);
}

#[tokio::test]
async fn a_taken_port_is_named_before_anything_is_started() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for name in ["OPEN_REGISTRY_PORT", "OPEN_REGISTRY_METRICS_PORT"] {
        let launch = Launch::new().env(name, address.port().to_string());
        let refusal = launch.env("OPEN_REGISTRY_DATA_DIR", data.path()).refused().await;
        refusal.names(&[&address.to_string(), "in use", name]);
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_public_address_without_login_must_be_allowed_explicitly() {
    for host in ["0.0.0.0", "::", "192.0.2.1"] {
        let launch = Launch::new().env("OPEN_REGISTRY_HOST", host);
        let refusal = launch.env("OPEN_REGISTRY_AUTH", "none").refused().await;
        refusal.names(&["OPEN_REGISTRY_AUTH", "OPEN_REGISTRY_INSECURE_ANONYMOUS=true"]);
    }
    for (name, value) in [
        ("OPEN_REGISTRY_DOMAIN", "https://registry.example"),
        ("OPEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.1"),
        ("OPEN_REGISTRY_ACME_DOMAIN", "registry.example"),
        ("OPEN_REGISTRY_ADMIN_PASSWORD", "correct horse"),
    ] {
        let launch = Launch::new().env(name, value).env("OPEN_REGISTRY_AUTH", "none");
        let refusal = launch.refused().await;
        refusal.names(&["OPEN_REGISTRY_AUTH", name, "OPEN_REGISTRY_INSECURE_ANONYMOUS=true"]);
    }
    let open = builder().await.env("OPEN_REGISTRY_HOST", "0.0.0.0");
    let server = open.env("OPEN_REGISTRY_INSECURE_ANONYMOUS", "true").start().await;
    assert!(server.addr.ip().is_unspecified());
    server.client().get("/v2/").await.expect(200);
}

#[tokio::test]
async fn a_postgresql_that_does_not_answer_is_named() {
    let kubo = rig::kubo().await;
    let mut postgres = rig::postgres::shared().empty_database("").await;
    let directory = std::mem::replace(&mut postgres.host, "127.0.0.1".into());
    postgres.port = closed_port();
    let address = format!("127.0.0.1:{}", postgres.port);
    let refusal = Launch::new().on(&postgres, &kubo).refused().await;
    refusal.names(&["PostgreSQL", &address, "OPEN_REGISTRY_DB_HOST"]);
    // PostgreSQL answers, but has no such database.
    postgres.host = directory;
    postgres.port = 5432;
    postgres.database = "no_such_database".into();
    let refusal = Launch::new().on(&postgres, &kubo).refused().await;
    refusal.names(&["PostgreSQL", "no_such_database", "OPEN_REGISTRY_DB_"]);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let (database, kubo) = (rig::database().await, rig::kubo().await);
    let newer = "INSERT INTO schema_migrations (version, name, checksum) \
                 SELECT 9999, 'from_the_future', checksum FROM schema_migrations LIMIT 1";
    database.admin.batch_execute(newer).await.unwrap();
    let refusal = Launch::new().on(&database.settings, &kubo).refused().await;
    refusal.names(&["PostgreSQL", "9999", "newer program"]);
}

#[tokio::test]
async fn a_kubo_that_does_not_answer_is_named() {
    let (database, mut kubo) = (rig::database().await, rig::kubo().await);
    let gateway = kubo.gateway.take().unwrap();
    kubo.api.port = closed_port();
    let refusal = Launch::new().on(&database.settings, &kubo).refused().await;
    refusal.names(&["Kubo", &kubo.api.to_string(), "OPEN_REGISTRY_DFS_IPFS_API_URL"]);
    // Something answers there, but not the RPC API.
    kubo.api = gateway;
    let refusal = Launch::new().on(&database.settings, &kubo).refused().await;
    refusal.names(&["Kubo", &kubo.api.to_string(), "OPEN_REGISTRY_DFS_IPFS_API_URL"]);
}

#[tokio::test]
async fn a_missing_kubo_is_named_before_a_cluster_is_made() {
    let (data, path) = (tempfile::tempdir().unwrap(), bare_path());
    let launch = Launch::new().env("OPEN_REGISTRY_DATA_DIR", data.path()).env("PATH", path.path());
    launch.refused().await.names(&["Kubo", "ipfs", "PATH", "make run"]);
    assert_eq!(left_in(data.path()), [""; 0]);
    assert!(working_below(data.path()).is_empty());
}

#[tokio::test]
async fn a_missing_postgresql_is_named() {
    let (data, path) = (tempfile::tempdir().unwrap(), bare_path());
    // Debian's programs are found without PATH, so only a mount can hide them, and only root can mount.
    let hide = "for d in /usr/lib/postgresql /usr/pgsql-*; do \
                [ ! -d \"$d\" ] || mount -t tmpfs none \"$d\" || exit 77; done; exec \"$0\"";
    let probe = ["--mount", "--", "sh", "-c", "mount -t tmpfs none /mnt"];
    if !std::process::Command::new("unshare").args(probe).status().is_ok_and(|s| s.success()) {
        eprintln!("skipped: hiding the system's PostgreSQL takes the right to mount");
        return;
    }
    let launch = Launch::through("unshare", &["--mount", "--", "/bin/sh", "-c", hide]);
    let kubo = rig::kubo().await;
    let launch = launch
        .env("OPEN_REGISTRY_DFS_IPFS_API_URL", kubo.api.to_string())
        .env("OPEN_REGISTRY_DATA_DIR", data.path())
        .env("PATH", format!("{}:/usr/bin:/bin", path.path().display()));
    launch.refused().await.names(&["PostgreSQL", "apt-get install", "OPEN_REGISTRY_DB_HOST"]);
    assert_eq!(left_in(data.path()), [""; 0]);
}

#[tokio::test]
async fn an_unknown_name_is_a_warning_with_the_nearest() {
    let server = builder().await.env("OPEN_REGISTRY_DRAIN_TIMES", "1s").start().await;
    let warning = server.logged("setting", |_| true).await;
    let text = warning["message"].as_str().unwrap_or_default();
    assert!(text.contains("OPEN_REGISTRY_DRAIN_TIMES"), "{warning}");
    assert!(text.contains("OPEN_REGISTRY_DRAIN_TIME?"), "{warning}");
}
