//! Whether a registry is whole: every tagged image can be pulled, every blob has the bytes of its digest, and Kubo has
//! pinned what the rows name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use af_registry::oci::Digest;
use af_registry::stream::hashing::digest as hash;

use af_registry::store::Settings;

use super::client::Client;
use super::kubo::Node;
use super::postgres::connect;

/// Time after the last fault within which everything must work again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asserts that everything which the database names is served in full by this server, and that its CIDs are pinned.
pub(crate) async fn whole(client: Client, database: &Settings, node: &Node) {
    ready(client).await;
    pulls(client, database).await;
    pinned(database, node).await;
}

/// Waits until the server and its partners work after the last fault.
pub(crate) async fn ready(client: Client) {
    let began = Instant::now();
    loop {
        let answer = client.get("/readyz").await;
        if answer.status == 200 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "it does not recover: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Pulls every manifest that a repository holds, by its tags and by its digest, and every blob once.
async fn pulls(client: Client, database: &Settings) {
    // A connection of an earlier time may have broken with PostgreSQL.
    let database = connect(database).await;
    let tags = "SELECT r.name, t.name, m.digest FROM tags t
        JOIN repositories r ON r.id = t.repository_id JOIN manifests m ON m.id = t.manifest_id";
    for row in database.query(tags, &[]).await.unwrap() {
        let [name, tag, digest] = [0, 1, 2].map(|column| row.get::<_, String>(column));
        let answer = client.get(&format!("/v2/{name}/manifests/{tag}")).await.expect(200);
        assert_eq!(answer.header("docker-content-digest"), digest, "{name}:{tag}");
    }
    let manifests = "SELECT r.name, m.digest FROM repository_manifests l
        JOIN repositories r ON r.id = l.repository_id JOIN manifests m ON m.id = l.manifest_id";
    for row in database.query(manifests, &[]).await.unwrap() {
        let [name, digest] = [0, 1].map(|column| row.get::<_, String>(column));
        matches(client, &format!("/v2/{name}/manifests/{digest}"), &digest).await;
        needs(client, &database, &name, &digest).await;
    }
    let blobs = "SELECT r.name, b.digest FROM repository_blobs l
        JOIN repositories r ON r.id = l.repository_id JOIN blobs b ON b.id = l.blob_id";
    let mut read = BTreeMap::new();
    for row in database.query(blobs, &[]).await.unwrap() {
        let [name, digest] = [0, 1].map(|column| row.get::<_, String>(column));
        client.head(&format!("/v2/{name}/blobs/{digest}")).await.expect(200);
        read.insert(digest, name);
    }
    for (digest, name) in read {
        matches(client, &format!("/v2/{name}/blobs/{digest}"), &digest).await;
    }
}

/// Asserts that the repository holds what a manifest names.
async fn needs(client: Client, database: &tokio_postgres::Client, name: &str, digest: &str) {
    let blobs = "SELECT b.digest FROM manifest_blobs n
        JOIN blobs b ON b.id = n.blob_id JOIN manifests m ON m.id = n.manifest_id WHERE m.digest = $1";
    for row in database.query(blobs, &[&digest]).await.unwrap() {
        let blob: String = row.get(0);
        client.head(&format!("/v2/{name}/blobs/{blob}")).await.expect(200);
    }
}

/// Asserts that the answer is complete and has this digest.
pub(crate) async fn matches(client: Client, path: &str, digest: &str) {
    let answer = client.get(path).await.expect(200);
    assert!(!answer.cut, "{path} was cut");
    let expected: Digest = digest.parse().unwrap();
    assert_eq!(hash(expected.algorithm(), &answer.body), expected, "{path}");
}

/// Waits until every CID that a blob names is pinned, for as long as a partner takes to recover.
pub(crate) async fn pinned(database: &Settings, node: &Node) {
    let (database, began) = (connect(database).await, Instant::now());
    loop {
        let pins: BTreeSet<String> = node.pins().into_iter().collect();
        let rows = database.query("SELECT ipfs_cid FROM blobs", &[]).await.unwrap();
        let lost: Vec<String> =
            rows.iter().map(|row| row.get(0)).filter(|cid| !pins.contains(cid)).collect();
        if lost.is_empty() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not pinned: {lost:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
