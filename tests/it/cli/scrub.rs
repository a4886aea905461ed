//! The scrub: damage is found before a pull meets it, what heals is served again, and another node repairs.

use std::path::Path;
use std::time::{Duration, Instant};

use af_registry::ipld::Cid;
use af_registry::oci::Digest;
use bytes::Bytes;
use serde_json::Value;

use super::Operator;
use crate::rig::client::{Client, random};
use crate::rig::kubo::Node;
use crate::rig::server::{Server, builder};

const MIB: usize = 1 << 20;

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// An operator of a registry with this server's database and node.
pub(super) fn operator(server: &Server, node: &Node) -> Operator {
    let mut operator = Operator::on(&server.database().settings);
    operator.0.push(("OPEN_REGISTRY_DFS_IPFS_API_URL", node.settings.api.to_string()));
    let gateway = node.settings.gateway.as_ref().unwrap().to_string();
    operator.0.push(("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", gateway));
    operator
}

/// Changes one bit in the middle of the block that holds these bytes, and returns its file and its old content.
pub(super) fn flip(node: &Node, block: &[u8]) -> (std::path::PathBuf, Vec<u8>) {
    let file = node.block_file(&node.cid_of(block).parse().unwrap());
    let sound = std::fs::read(&file).unwrap();
    let mut bytes = sound.clone();
    bytes[block.len() / 2] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    (file, sound)
}

fn blob(digest: &Digest) -> String {
    format!("/v2/scrub/blobs/{digest}")
}

/// Runs a scrub and returns its exit code and its answer.
fn scrub(operator: &Operator, arguments: &str) -> (Option<i32>, Value) {
    let outcome = operator.call(&format!("scrub run --json {arguments}"), "");
    assert_eq!(outcome.stderr, "", "{outcome:?}");
    (outcome.code, serde_json::from_str(&outcome.stdout).unwrap())
}

async fn pushed(client: Client, seed: u64, size: usize) -> (Bytes, Digest) {
    let bytes = random(seed, size);
    let digest = client.push_blob("scrub", &bytes).await;
    (bytes, digest)
}

#[tokio::test]
async fn damage_is_found_and_what_heals_is_served_again() {
    let node = Node::start();
    let server = builder().await.on(&node).env("OPEN_REGISTRY_SCRUB_RATE", "0").start().await;
    let (client, operator) = (server.client(), operator(&server, &node));
    let (small, big) = (pushed(client, 900, 1000).await, pushed(client, 901, 3 * MIB + 7).await);
    pushed(client, 902, 0).await;
    let (code, found) = scrub(&operator, "");
    assert_eq!((code, &found["blobs"], &found["damaged"]), (Some(0), &3.into(), &0.into()));
    assert_eq!(found["bytes"], 1000 + 3 * MIB + 7, "{found}");

    let (file, sound) = flip(&node, &big.0[MIB..2 * MIB]);
    std::fs::remove_file(node.block_file(&node.cid_of(&small.0).parse().unwrap())).unwrap();
    let (code, found) = scrub(&operator, "");
    assert_eq!((code, &found["damaged"]), (Some(2), &2.into()), "{found}");
    let named = found["damaged_digests"].as_array().unwrap();
    assert!(named.contains(&big.1.as_str().into()) && named.contains(&small.1.as_str().into()));
    client.head(&blob(&big.1)).await.expect(404);
    client.get(&blob(&big.1)).await.expect(503);
    let status = operator.json("scrub status", "");
    assert_eq!((&status["blobs"], &status["quarantined"]), (&3.into(), &2.into()), "{status}");
    assert_eq!(status["quarantined_blobs"].as_array().unwrap().len(), 2, "{status}");
    assert!(
        status["last_at"].is_string() && status["due"] == 0 && status["never"] == 0,
        "{status}"
    );

    // A node may heal by itself, and a push heals too.
    std::fs::write(&file, sound).unwrap();
    client.push_blob("scrub", &small.0).await;
    let (code, found) = scrub(&operator, &format!("--digest {}", big.1));
    assert_eq!((code, &found["outcome"]), (Some(0), &"healed".into()), "{found}");
    assert_eq!(client.get(&blob(&big.1)).await.expect(200).body, big.0);
    assert_eq!(client.get(&blob(&small.1)).await.expect(200).body, small.0);
    assert_eq!(scrub(&operator, "").0, Some(0));
    assert_eq!(scrub(&operator, "--older-than 1h").1["blobs"], 0, "all are compared");
    let text = operator.done("scrub status", "");
    assert!(text.contains("4.0 MiB per second"), "{text}");
    let absent = format!("scrub run --digest sha256:{}", "0".repeat(64));
    operator.refused(&absent, "", &["there is no blob sha256:000"]);
}

/// Whether a blob is served whole.
async fn is_served(client: Client, path: &str, bytes: &Bytes) -> bool {
    let request = crate::rig::client::request("GET", path, &[], crate::rig::client::nothing());
    match client.try_send(request).await {
        Ok(answer) => answer.status == 200 && !answer.cut && answer.body == *bytes,
        Err(_) => false,
    }
}

#[tokio::test]
async fn the_job_repairs_damaged_blocks_from_another_node() {
    let (node, spare) = (Node::start(), Node::start());
    let gateway = spare.settings.gateway.as_ref().unwrap().to_string();
    let server = builder().await.on(&node).without_gateway();
    let server = server
        .env("OPEN_REGISTRY_DFS_IPFS_REPAIR_URL", &gateway)
        .env("OPEN_REGISTRY_SCRUB_AGE", "1s")
        .env("OPEN_REGISTRY_SCRUB_RATE", "1GiB")
        .start()
        .await;
    let client = server.client();
    let (bytes, digest) = pushed(client, 910, 3 * MIB + 1).await;
    let root: Cid = node.cid_of(&bytes).parse().unwrap();
    assert_eq!(spare.cid_of(&bytes), root.to_string());
    flip(&node, &bytes[..MIB]);
    for lost in [root, node.cid_of(&bytes[2 * MIB..3 * MIB]).parse().unwrap()] {
        remove(&node.block_file(&lost));
    }
    server.logged("blob_repaired", |line| line["digest"] == digest.as_str()).await;
    let began = Instant::now();
    while !is_served(client, &blob(&digest), &bytes).await {
        assert!(began.elapsed() < PATIENCE, "not served: {:#?}", server.log());
    }
    assert_eq!(node.cat(&root.to_string()), bytes);
}

/// `cid_of` above has written the block again if it was lost.
fn remove(file: &Path) {
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_slow_scrub_ends_with_the_server_and_another_begins_anew() {
    let node = Node::start();
    let server = builder().await.on(&node).env("OPEN_REGISTRY_SCRUB_AGE", "1s");
    // The blob takes nine minutes at this rate.
    let mut server = server.env("OPEN_REGISTRY_SCRUB_RATE", "64KiB").start().await;
    let (bytes, digest) = pushed(server.client(), 920, 33 * MIB).await;
    let began = Instant::now();
    let read = async || {
        let metrics = Client { addr: server.metrics }.get("/metrics").await.expect(200);
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        let line = text.lines().find(|line| line.starts_with("registry_scrubbed_bytes_total "));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    };
    while read().await == 0.0 {
        assert!(began.elapsed() < PATIENCE, "no scrub begins");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.terminate();
    assert!(server.ended().await.success());
    let operator = operator(&server, &node);
    let (code, found) = scrub(&operator, &format!("--digest {digest}"));
    assert_eq!((code, &found["outcome"]), (Some(0), &"sound".into()), "{found}");
    assert_eq!(node.cat(&node.cid_of(&bytes)), bytes);
}
