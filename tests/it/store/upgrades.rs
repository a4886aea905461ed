//! Databases of every earlier version, and the statements of the previous version beside this one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use af_registry::oci::Digest;
use af_registry::store::{Put, Settings, Store};
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;

use super::{cid, commit, digest, manifest, open, put, reference, repository, tag};
use crate::rig::client::{self, OCI_INDEX, OCI_MANIFEST, full, request};
use crate::rig::kubo::Node;
use crate::rig::postgres::{connect, shared};
use crate::rig::server::builder;
use crate::rig::{self, Database};

/// Versions of the schema that a server has served with. `fixtures/make` has dumped databases of the first and of the last
/// one; migrations of the tree lead to those in between.
const FIRST: i32 = 4;
const LAST: i32 = 12;

fn below(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(below("tests/it/store/fixtures").join(name)).unwrap()
}

/// The bytes that `fixtures/make` has pushed.
fn stored(seed: usize, length: usize) -> Bytes {
    (0..length).map(|n| u8::try_from((n + seed) % 251).unwrap()).collect()
}

/// A database that a dump has filled, and that the migrations up to `version` have changed.
async fn restored(dump: &str, version: i32) -> Settings {
    let settings = shared().empty_database("").await;
    connect(&settings).await.batch_execute(&fixture(dump)).await.unwrap();
    let admin = connect(&settings).await;
    let known = "SELECT max(version) FROM schema_migrations";
    let known: i32 = admin.query_one(known, &[]).await.unwrap().get(0);
    let mut files: Vec<_> = std::fs::read_dir(below("sql/migrations")).unwrap().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    for (n, file) in (1..).zip(files) {
        if n > known && n <= version {
            let sql = std::fs::read_to_string(file.path()).unwrap();
            admin.batch_execute(&sql).await.unwrap();
            let record = "INSERT INTO schema_migrations (version, name, checksum)
                VALUES ($1, 'a migration', encode(sha256($2::BYTEA), 'hex'))";
            admin.execute(record, &[&n, &sql.as_bytes()]).await.unwrap();
        }
    }
    // The upload of the dump would have expired.
    admin.batch_execute("UPDATE uploads SET touched_at = now()").await.unwrap();
    settings
}

/// Migrates the database, starts a server on it, and checks that the server serves and continues what the dump holds.
async fn serves(settings: Settings, node: &Node) {
    let store = Store::connect(&settings).await.unwrap();
    let admin = connect(&settings).await;
    let session: Uuid = admin.query_one("SELECT id FROM uploads", &[]).await.unwrap().get(0);
    let server = builder().await.at(Database { store, admin, settings }).on(node).start().await;
    let client = server.client();
    let (small, large) = (stored(1, 3000), stored(2, 1_600_000));
    for bytes in [&small, &large] {
        let path = format!("/v2/acme/web/blobs/{}", sha256(bytes));
        assert!(client.get(&path).await.expect(200).body == *bytes);
    }
    client.get(&format!("/v2/acme/copy/blobs/{}", sha256(&small))).await.expect(200);
    let damaged = sha256(&stored(3, 500));
    client.head(&format!("/v2/acme/web/blobs/{damaged}")).await.expect(404);
    let mut image = Digest::clone(&damaged);
    for (name, kind) in [
        ("web/manifests/v1", OCI_MANIFEST),
        ("web/manifests/latest", OCI_MANIFEST),
        ("web/manifests/all", OCI_INDEX),
        ("copy/manifests/v1", OCI_MANIFEST),
    ] {
        let found = client.get(&format!("/v2/acme/{name}")).await.expect(200);
        assert_eq!(found.header("content-type"), kind);
        let digest = sha256(&found.body);
        assert_eq!(found.header("docker-content-digest"), digest.as_str());
        image = if name == "web/manifests/v1" { digest } else { image };
    }
    let referrers = client.get(&format!("/v2/acme/web/referrers/{image}")).await.expect(200);
    let referrers = referrers.json();
    assert_eq!(referrers["manifests"][0]["artifactType"], "application/x-note", "{referrers}");
    let tags = client.get("/v2/acme/web/tags/list").await.expect(200).json();
    assert_eq!(tags["tags"], serde_json::json!(["all", "latest", "v1"]));
    // The upload that the older version began goes on.
    let (begun, rest) = (stored(4, 1_500_000), stored(5, 700_000));
    let path = format!("/v2/acme/web/blobs/uploads/{session}");
    let state = client.get(&path).await.expect(204);
    assert_eq!(state.header("range"), "0-1499999");
    let location = state.header("location").to_owned();
    let patched =
        client.send(request("PATCH", &location, &[], full(rest.clone()))).await.expect(202);
    let whole = Bytes::from([begun, rest].concat());
    let put = format!("{}?digest={}", patched.header("location"), sha256(&whole));
    client.ask("PUT", &put).await.expect(201);
    let found = client.get(&format!("/v2/acme/web/blobs/{}", sha256(&whole))).await;
    assert!(found.expect(200).body == whole);
    client.push_image("acme/web", "v2", &client::random(6001, 2000)).await;
    client.delete("/v2/acme/web/manifests/v1").await.expect(202);
    let accounts = server.database().store.accounts().list().await.unwrap();
    let mut names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["acme+ci", "ann"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_all_earlier_versions_are_migrated_and_served() {
    let node = Node::start();
    for bytes in [&b"{}"[..], &stored(1, 3000), &stored(2, 1_600_000), &stored(4, 1_500_000)] {
        node.cid_of(bytes);
    }
    for (dump, version) in [("schema-0004.sql", FIRST), ("schema-0012.sql", LAST)] {
        serves(restored(dump, version).await, &node).await;
    }
    for version in FIRST + 1..=LAST {
        let store = Store::connect(&restored("schema-0004.sql", version).await).await.unwrap();
        let (web, small) = (repository("acme/web"), sha256(&stored(1, 3000)));
        assert!(store.blobs().get(&open(&web), &small).await.unwrap().is_some(), "{version}");
        let found = store.manifests().get(&open(&web), &reference("v1"), None).await.unwrap();
        assert!(found.is_some(), "{version}");
        commit(&store, "acme/web", 7).await;
    }
}

/// The previous version of this program, as a client of the database.
struct Previous {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl Previous {
    /// Prepares all statements of that version, as it did for every connection.
    async fn connect(settings: &Settings) -> Self {
        let client = connect(settings).await;
        let mut statements = HashMap::new();
        let all = fixture("statements-0012.sql");
        for section in all.trim_start_matches("-- ").split("\n-- ") {
            let Some((name, sql)) = section.split_once('\n').filter(|(name, _)| is_name(name))
            else {
                continue;
            };
            let prepared = client.prepare(sql).await;
            let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            statements.insert(name.to_owned(), prepared);
        }
        Self { client, statements }
    }

    async fn rows(&self, name: &str, params: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        let rows = self.client.query(&self.statements[name], params).await;
        rows.unwrap_or_else(|error| panic!("{name}: {error:?}"))
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// Pushes blob `n` in one part, as that version did.
    async fn push_blob(&self, name: &str, n: u64) {
        let (id, blob, cid) = (Uuid::new_v4(), digest(n), cid(n).to_string());
        let (size, none): (i64, Option<&str>) = (i64::try_from(n).unwrap(), None);
        let state: Option<&[u8]> = None;
        self.rows("repository/ensure", &[&name]).await;
        let started = self.rows("upload/start", &[&id, &name, &"ann", &none, &100_i64]).await;
        assert!(started[0].get::<_, bool>("started"));
        self.run("BEGIN").await;
        self.rows("unpin/lock", &[&cid]).await;
        let queued = !self.rows("unpin/queued", &[&cid]).await.is_empty();
        self.rows("upload/lock", &[&id]).await;
        let part: [&(dyn ToSql + Sync); 8] =
            [&id, &0_i64, &0_i64, &size, &cid, &queued, &none, &state];
        assert_eq!(self.rows("upload/record_part", &part).await.len(), 1);
        self.run("COMMIT").await;
        let upload = self.rows("upload/get", &[&name, &id, &"ann"]).await;
        assert_eq!(upload[0].get::<_, i64>("received"), size);
        self.run("BEGIN").await;
        self.rows("unpin/lock", &[&cid]).await;
        let queued = !self.rows("unpin/queued", &[&cid]).await.is_empty();
        self.rows("repository/ensure", &[&name]).await;
        self.rows("upload/lock", &[&id]).await;
        self.rows("blob/lock", &[&blob.as_str()]).await;
        let superseded: Vec<String> = Vec::new();
        let new: [&(dyn ToSql + Sync); 8] =
            [&name, &blob.as_str(), &cid, &size, &Some(id), &superseded, &queued, &size];
        assert_eq!(self.rows("blob/commit", &new).await.len(), 1);
        if queued {
            self.rows("unpin/keep", &[&cid]).await;
        }
        self.run("COMMIT").await;
    }

    /// Pushes manifest `n` with one blob and one tag, as that version did.
    async fn push_manifest(&self, name: &str, n: u64, blob: u64, tag: &str) {
        let new = manifest(name, n);
        self.run("BEGIN").await;
        let id: i64 = self.rows("repository/ensure", &[&name]).await[0].get("id");
        self.rows("manifest/hold_link", &[&name, &new.digest.as_str()]).await;
        let held = self.rows("manifest/lock_blobs", &[&name, &vec![digest(blob).as_str()]]).await;
        let blobs: Vec<i64> = held.iter().map(|row| row.get("id")).collect();
        assert_eq!(blobs.len(), 1);
        let (none, json): (Option<&str>, Option<serde_json::Value>) = (None, None);
        let (children, ids): (Vec<&str>, Vec<Option<i64>>) = (Vec::new(), Vec::new());
        let digest = new.digest.as_str();
        let params: [&(dyn ToSql + Sync); 13] = [
            &id,
            &digest,
            &new.media_type,
            &none,
            &none,
            &json,
            &json,
            &&new.raw[..],
            &blobs,
            &children,
            &ids,
            &ids,
            &vec![tag],
        ];
        self.rows("manifest/put", &params).await;
        self.run("COMMIT").await;
    }

    /// What that version finds for a tag: the digest.
    async fn pull(&self, name: &str, tag: &str) -> Option<String> {
        let (everyone, none): (Option<i64>, Vec<&str>) = (Some(0), Vec::new());
        let params: [&(dyn ToSql + Sync); 5] = [&name, &tag, &everyone, &none, &none];
        self.rows("manifest/get_by_tag", &params).await[0].get("digest")
    }

    /// Whether that version finds a blob.
    async fn finds(&self, name: &str, blob: u64) -> bool {
        let (everyone, none): (Option<i64>, Vec<&str>) = (Some(0), Vec::new());
        let blob = digest(blob);
        let params: [&(dyn ToSql + Sync); 5] = [&name, &blob.as_str(), &everyone, &none, &none];
        self.rows("blob/get", &params).await[0].get::<_, Option<String>>("ipfs_cid").is_some()
    }
}

fn is_name(text: &str) -> bool {
    text.contains('/') && text.chars().all(|c| c.is_ascii_lowercase() || c == '/' || c == '_')
}

#[tokio::test]
async fn the_previous_version_pushes_and_pulls_beside_this_one() {
    let Database { store, settings, .. } = rig::database().await;
    let previous = Previous::connect(&settings).await;
    assert!(previous.statements.len() > 80, "{}", previous.statements.len());
    let a = repository("a");
    // This version pulls what that one pushes.
    previous.push_blob("a", 1).await;
    previous.push_manifest("a", 1000, 1, "old").await;
    assert!(store.blobs().get(&open(&a), &digest(1)).await.unwrap().is_some());
    let found = store.manifests().get(&open(&a), &reference("old"), None).await.unwrap().unwrap();
    assert_eq!(found.raw, manifest("a", 1000).raw);
    // That version pulls what this one pushes, and each builds on what the other has stored.
    commit(&store, "a", 2).await;
    let mut new = manifest("a", 1001);
    (new.blobs, new.tags) = (vec![digest(1), digest(2)], vec![tag("new")]);
    put(&store, &new).await;
    assert!(previous.finds("a", 2).await);
    assert_eq!(previous.pull("a", "new").await.as_deref(), Some(digest(1001).as_str()));
    previous.push_manifest("a", 1002, 2, "both").await;
    previous.push_manifest("a", 1001, 2, "old").await;
    let moved = store.manifests().get(&open(&a), &reference("old"), None).await.unwrap().unwrap();
    assert_eq!(moved.raw, new.raw);
    // Each removes what the other has stored.
    assert!(store.manifests().delete(&a, &digest(1002)).await.unwrap());
    assert_eq!(previous.pull("a", "both").await, None);
    previous.rows("tag/delete", &[&"a", &"new"]).await;
    assert!(store.manifests().get(&open(&a), &reference("new"), None).await.unwrap().is_none());
    // A push of what is stored already, by either.
    previous.push_blob("a", 2).await;
    commit(&store, "a", 1).await;
    assert_eq!(store.manifests().put(&new).await.unwrap(), Put::Done);
}
