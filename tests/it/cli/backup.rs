//! Backups: made while clients push, restored into other partners, and refused when they are not whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use af_registry::store::{Settings, Store};
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;

use super::scrub::operator;
use super::{Operator, PASSWORD};
use crate::rig::client::{Client, random};
use crate::rig::kubo::Node;
use crate::rig::layout::intact;
use crate::rig::postgres::{Cluster, connect, shared};
use crate::rig::program::{Home, scratch};
use crate::rig::server::{Server, builder};
use crate::rig::{Database, kubo};

const MIB: usize = 1 << 20;

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// An operator of a registry in this database and on this node.
fn operator_of(database: &Settings, node: &Node) -> Operator {
    let mut operator = Operator::on(database);
    operator.0.push(("OPEN_REGISTRY_DFS_IPFS_API_URL", node.settings.api.to_string()));
    operator
}

/// A server on a restored database.
async fn server_on(database: &Settings, node: &Node) -> Server {
    let (store, admin) = (Store::connect(database).await.unwrap(), connect(database).await);
    let database = Database { store, admin, settings: database.clone() };
    builder().await.at(database).on(node).start().await
}

/// Runs a command that ends with this code, and returns its answer.
#[track_caller]
fn answer(operator: &Operator, arguments: &str, code: i32) -> Value {
    let outcome = operator.call(&format!("{arguments} --json"), "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(code), ""), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Pulls everything that has a tag, and compares every blob with its digest. Returns the names of the tags.
async fn everything_pulls(client: Client) -> Vec<String> {
    let mut found = Vec::new();
    let catalog = client.get("/v2/_catalog").await.expect(200).json();
    for name in catalog["repositories"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        let tags = client.get(&format!("/v2/{name}/tags/list")).await.expect(200).json();
        for tag in tags["tags"].as_array().into_iter().flatten() {
            let tag = tag.as_str().unwrap();
            let manifest = client.get(&format!("/v2/{name}/manifests/{tag}")).await.expect(200);
            let manifest = manifest.json();
            let layers = manifest["layers"].as_array().unwrap().iter();
            for blob in layers.chain([&manifest["config"]]) {
                let digest = blob["digest"].as_str().unwrap();
                let body = client.get(&format!("/v2/{name}/blobs/{digest}")).await.expect(200).body;
                assert_eq!(sha256(&body).as_str(), digest, "{name}:{tag}");
            }
            found.push(format!("{name}:{tag}"));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_during_pushes_restores_everywhere() {
    let (node, top) = (Node::start(), scratch());
    let server = builder().await.on(&node).start().await;
    let (client, saver) = (server.client(), operator(&server, &node));
    let directory = top.path().join("backup");
    let save = format!("backup {} --with-blobs", directory.display());
    client.push_image("acme/web", "v1", &random(930, 3 * MIB + 5)).await;
    client.push_image("acme/web", "empty", &Bytes::new()).await;
    saver.done("user add ann", PASSWORD);
    saver.done("grant add ann acme/* push", "");
    client.start_upload("acme/web").await;
    let first = answer(&saver, &save, 0);
    assert_eq!((&first["blobs"], &first["archives_written"]), (&3.into(), &3.into()), "{first}");

    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let pushes = tokio::spawn(async move {
        let mut pushed = 0;
        while !stopped.load(Ordering::SeqCst) {
            let layer = random(940 + pushed, MIB + 1);
            client.push_image("acme/busy", &format!("v{pushed}"), &layer).await;
            pushed += 1;
        }
        pushed
    });
    let began = Instant::now();
    while client.get("/v2/acme/busy/manifests/v0").await.status != 200 {
        assert!(began.elapsed() < PATIENCE);
    }
    let second = tokio::task::block_in_place(|| answer(&saver, &save, 0));
    stop.store(true, Ordering::SeqCst);
    let pushed = pushes.await.unwrap();
    assert_eq!(second["archives_kept"], 3, "{second}");
    let in_backup = second["rows"]["tags"].as_u64().unwrap();
    assert!((3..=pushed + 2).contains(&in_backup), "{in_backup} of {pushed} tags and 2");
    let cids = std::fs::read_to_string(directory.join("cids")).unwrap();
    assert_eq!(cids.lines().count() as u64, second["blobs"].as_u64().unwrap());
    drop(server);
    drop(node);

    let (cluster, other) = (tokio::task::block_in_place(Cluster::start), Node::start());
    let database = cluster.empty_database("").await;
    let restorer = operator_of(&database, &other);
    let restored = answer(&restorer, &format!("restore {}", directory.display()), 0);
    assert_eq!(restored["missing"], serde_json::json!([]), "{restored}");
    assert_eq!(restored["blobs"], second["blobs"], "{restored}");
    assert!(cids.lines().all(|cid| other.is_pinned(cid)));
    let served = server_on(&database, &other).await;
    let tags = everything_pulls(served.client()).await;
    assert!(tags.len() as u64 == in_backup && tags.contains(&"acme/web:v1".to_owned()), "{tags:?}");
    assert_eq!(restorer.json("user list", "")[0]["name"], "ann");
    assert_eq!(restorer.json("grant list", "")[0]["pattern"], "acme/*");
    let home = Home::new();
    let remote = format!("docker://{}/acme/web:v1", served.host());
    let target = format!("oci:{}:v1", home.text("pulled"));
    let skopeo =
        ["--insecure-policy", "copy", "-q", "--preserve-digests", "--src-tls-verify=false"];
    home.run("skopeo", &[&skopeo[..], &[&remote, &target]].concat());
    let manifest = served.client().get("/v2/acme/web/manifests/v1").await.expect(200).body;
    assert_eq!(intact(&home.path("pulled").join("blobs"), &sha256(&manifest)).len(), 3);
    // New rows get new numbers, and new content can be pushed.
    served.client().push_image("acme/web", "v2", &random(931, MIB)).await;
    restorer.done("user add bob", PASSWORD);
    assert_eq!(answer(&restorer, "scrub run", 0)["damaged"], 0);
}

/// A backup with the bytes of three blobs, of which the node has been taken away.
async fn backup() -> (TempDir, std::path::PathBuf, Node) {
    let (node, top) = (Node::start(), scratch());
    let server = builder().await.on(&node).start().await;
    server.client().push_image("acme/web", "v1", &random(950, 2 * MIB + 5)).await;
    server.client().push_image("acme/web", "v2", &random(951, 1000)).await;
    let directory = top.path().join("backup");
    let save = format!("backup {} --with-blobs", directory.display());
    answer(&operator(&server, &node), &save, 0);
    (top, directory, node)
}

fn flip(file: &Path, at: usize) -> Vec<u8> {
    let sound = std::fs::read(file).unwrap();
    let mut bytes = sound.clone();
    bytes[at] ^= 1;
    std::fs::write(file, bytes).unwrap();
    sound
}

/// All archives below a directory.
fn archives(directory: &Path) -> Vec<std::path::PathBuf> {
    let shards = std::fs::read_dir(directory.join("blobs")).unwrap();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_not_whole_is_refused() {
    let (_top, directory, _node) = backup().await;
    let (database, other) = (shared().empty_database("").await, Node::start());
    let operator = operator_of(&database, &other);
    let restore = format!("restore {}", directory.display());
    let file = directory.join("registry.backup");
    let sound = std::fs::read(&file).unwrap();
    for at in [3, sound.len() / 2, sound.len() - 20] {
        flip(&file, at);
        operator.refused(&restore, "", &["registry.backup"]);
        std::fs::write(&file, &sound).unwrap();
    }
    std::fs::write(&file, &sound[..sound.len() - 1]).unwrap();
    operator.refused(&restore, "", &["not a whole backup"]);
    std::fs::write(&file, &sound).unwrap();

    let all = archives(&directory);
    assert_eq!(all.len(), 3);
    let largest = all.iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    for at in [0, 70, 2 * MIB] {
        let sound = flip(largest, at);
        operator.refused(&restore, "", &["is damaged, nothing was restored"]);
        std::fs::write(largest, sound).unwrap();
    }
    let tables = "SELECT count(*) FROM pg_class WHERE relname = 'repositories' AND relkind = 'r'";
    let admin = connect(&database).await;
    if admin.query_one(tables, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        let rows = admin.query("SELECT FROM repositories", &[]).await.unwrap();
        assert!(rows.is_empty(), "a refused backup has left rows");
    }

    // Without an archive its blob is under quarantine, and the rest is whole.
    std::fs::remove_file(largest).unwrap();
    let restored = answer(&operator, &restore, 2);
    assert_eq!(restored["missing"].as_array().unwrap().len(), 1, "{restored}");
    assert_eq!(restored["imported"].as_u64().unwrap() + restored["held"].as_u64().unwrap(), 2);
    let server = server_on(&database, &other).await;
    let client = server.client();
    let missing = restored["missing"][0].as_str().unwrap();
    client.get(&format!("/v2/acme/web/blobs/{missing}")).await.expect(503);
    client.head(&format!("/v2/acme/web/blobs/{missing}")).await.expect(404);
    client.push_blob("acme/web", &random(950, 2 * MIB + 5)).await;
    assert_eq!(everything_pulls(client).await.len(), 2);
    operator.refused(&restore, "", &["another af-registry uses the database"]);
    drop(server);
    operator.refused(&restore, "", &["the database is not empty"]);
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_the_one_before() {
    let (_top, directory, node) = backup().await;
    let file = directory.join("registry.backup");
    let database = shared().database().await;
    // Nobody accepts there, so the backup waits for the first blob when all rows are written.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let insert = "INSERT INTO blobs (digest, ipfs_cid, size) VALUES ($1, $2, 5)";
    let cid = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";
    let digest = format!("sha256:{}", "0".repeat(64));
    database.admin.execute(insert, &[&digest, &cid]).await.unwrap();
    let killed = |directory: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_af-registry"));
        command.args(["backup", "--with-blobs"]).arg(directory);
        command.env("OPEN_REGISTRY_DFS_IPFS_API_URL", &silent);
        let operator = Operator::on(&database.settings);
        command.envs(operator.0.iter().map(|(name, value)| (name, value)));
        let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (began, new) = (Instant::now(), directory.join("registry.backup.new"));
        let whole = || std::fs::read_to_string(&new).is_ok_and(|text| text.contains("\"sha256\":"));
        while !whole() {
            assert!(began.elapsed() < PATIENCE, "no file");
            std::thread::sleep(Duration::from_millis(5));
        }
        running.kill().unwrap();
        running.wait().unwrap();
    };
    let before = std::fs::read(&file).unwrap();
    killed(&directory);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let target = shared().empty_database("").await;
    let operator = operator_of(&target, &node);
    let restored = answer(&operator, &format!("restore {}", directory.display()), 0);
    assert_eq!((&restored["blobs"], &restored["held"]), (&3.into(), &3.into()), "{restored}");

    let empty = scratch();
    killed(empty.path());
    let operator = operator_of(&shared().empty_database("").await, &node);
    let restore = format!("restore {}", empty.path().display());
    operator.refused(&restore, "", &["has no whole backup"]);
    // The next one takes its place.
    let saver = operator_of(&database.settings, &node);
    let saved = answer(&saver, &format!("backup {}", empty.path().display()), 0);
    assert_eq!(saved["blobs"], 1, "{saved}");
    assert!(!empty.path().join("registry.backup.new").exists());
}

#[tokio::test]
async fn what_is_sealed_needs_its_secret() {
    let node = kubo::shared();
    let server = builder().await.env("OPEN_REGISTRY_AUTH", "token");
    let secret = "0123456789abcdef";
    let server = server.env("OPEN_REGISTRY_SIGNING_SECRET", secret).start().await;
    let top = scratch();
    let backup = top.path().display().to_string();
    let saver = operator(&server, node);
    assert!(answer(&saver, &format!("backup {backup}"), 0)["rows"]["signing_keys"] == 1);
    let file = top.path().join("registry.backup");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(secret) && !text.contains("PRIVATE KEY"));
    for file in [file, top.path().join("cids")] {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).unwrap());
        assert_eq!(mode & 0o077, 0, "others can read it");
    }
    for (secret, flag, code, usable) in [
        (secret, "", 0, true),
        ("another secret of this length", "", 2, false),
        ("another secret of this length", "--without-keys", 0, true),
    ] {
        let database = shared().empty_database("").await;
        let mut operator = operator_of(&database, node);
        operator.0.push(("OPEN_REGISTRY_AUTH", "token".to_owned()));
        operator.0.push(("OPEN_REGISTRY_SIGNING_SECRET", secret.to_owned()));
        let restored = answer(&operator, &format!("restore {backup} {flag}"), code);
        assert_eq!(restored["keys_usable"], usable, "{restored}");
        assert_eq!(restored["rows"].get("signing_keys").is_some(), flag.is_empty());
    }
}

#[tokio::test]
async fn a_node_with_peers_fetches_what_it_lacks() {
    let [node, other] = Node::pair();
    let server = builder().await.on(&node).start().await;
    let layer = random(960, 2 * MIB);
    let (_, digest) = server.client().push_image("acme/web", "v1", &layer).await;
    let top = scratch();
    let backup = top.path().display();
    answer(&operator(&server, &node), &format!("backup {backup}"), 0);
    let database = shared().empty_database("").await;
    let restored = answer(&operator_of(&database, &other), &format!("restore {backup}"), 0);
    assert_eq!((&restored["fetched"], &restored["blobs"]), (&2.into(), &2.into()), "{restored}");
    let served = server_on(&database, &other).await;
    let path = format!("/v2/acme/web/blobs/{digest}");
    assert_eq!(served.client().get(&path).await.expect(200).body, layer);
}

#[tokio::test]
async fn a_backup_of_an_older_schema_is_restored_and_migrated() {
    let node = kubo::shared();
    for dump in [
        include_str!("../store/fixtures/schema-0004.sql"),
        include_str!("../store/fixtures/schema-0012.sql"),
    ] {
        let before = shared().empty_database("").await;
        connect(&before).await.batch_execute(dump).await.unwrap();
        let top = scratch();
        let backup = top.path().display();
        let saved = answer(&operator_of(&before, node), &format!("backup {backup}"), 0);
        let after = shared().empty_database("").await;
        // The node has never held these bytes.
        let restored = answer(&operator_of(&after, node), &format!("restore {backup}"), 2);
        assert!(!restored["missing"].as_array().unwrap().is_empty(), "{restored}");
        assert_eq!(restored["rows"], saved["rows"]);
        let (before, admin) = (connect(&before).await, connect(&after).await);
        let versions = "SELECT count(*) FROM schema_migrations";
        let count = async |client: &tokio_postgres::Client, sql: &str| -> i64 {
            client.query_one(sql, &[]).await.unwrap().get(0)
        };
        assert!(count(&before, versions).await < count(&admin, versions).await);
        for table in ["tags", "manifests", "blobs", "accounts", "grants", "repository_manifests"] {
            let sql = format!("SELECT count(*) FROM {table}");
            assert_eq!(count(&before, &sql).await, count(&admin, &sql).await, "{table}");
        }
        // A migration after that of the backup has filled this column.
        let filled = "SELECT count(*) FROM repository_manifests WHERE content_type IS NULL";
        assert_eq!(count(&admin, filled).await, 0);
        let fresh =
            "INSERT INTO blobs (digest, ipfs_cid, size) VALUES ('sha256:00', 'x', 1) RETURNING id";
        let newest = count(&before, "SELECT max(id) FROM blobs").await;
        assert!(count(&admin, fresh).await > newest, "a number is given twice");
    }
}

#[tokio::test]
async fn a_backup_of_something_else_is_refused() {
    let top = scratch();
    let body = "af-registry backup 1\n\
        {\"schema\":1,\"taken_at\":\"\",\"program\":\"\"}\n\
        {\"table\":\"pg_authid\",\"columns\":[\"oid\"]}\n1\n\\.\n\
        {\"sequences\":{}}\n";
    let footer = format!("{{\"rows\":{{}},\"sha256\":\"{}\"}}\n", sha256(body.as_bytes()).hex());
    std::fs::write(top.path().join("registry.backup"), body.to_owned() + &footer).unwrap();
    let database = shared().empty_database("").await;
    let operator = operator_of(&database, kubo::shared());
    let restore = format!("restore {}", top.path().display());
    operator.refused(&restore, "", &["pg_authid", "no table of a registry"]);
    std::fs::remove_file(top.path().join("registry.backup")).unwrap();
    operator.refused(&restore, "", &["cannot read", "registry.backup"]);
}
