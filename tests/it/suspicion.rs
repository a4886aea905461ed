//! Blobs that clients cannot read are looked at once, and only what is certain puts them under quarantine.

use std::time::{Duration, Instant};

use af_registry::ipld::Cid;

use crate::rig::client::{nothing, random, request};
use crate::rig::kubo::Node;
use crate::rig::server::{Server, builder};

const MIB: usize = 1 << 20;

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a call was made, by a metric of durations and the name of the call.
async fn calls(server: &Server, metric: &str, name: &str) -> f64 {
    let metric = format!("registry_{metric}_call_duration_seconds_count");
    server.metric(&metric, &format!("=\"{name}\"")).await
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_broken_pulls_of_one_blob_cause_one_look() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    let bytes = random(5001, 3 * MIB);
    let digest = client.push_blob("broken", &bytes).await;
    let leaf: Cid = node.cid_of(&bytes[MIB..2 * MIB]).parse().unwrap();
    std::fs::remove_file(node.block_file(&leaf)).unwrap();
    let path = format!("/v2/broken/blobs/{digest}");
    let pulls: Vec<_> = (0..40)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                if let Ok(answer) = client.try_send(request("GET", &path, &[], nothing())).await {
                    assert!(answer.cut || answer.status == 503, "{}", answer.status);
                }
            })
        })
        .collect();
    for pull in pulls {
        pull.await.unwrap();
    }
    until("no quarantine", async || client.head(&path).await.status == 404).await;
    for statement in ["scrub/get", "blob/quarantine"] {
        assert_eq!(calls(&server, "postgres", statement).await, 1.0, "{statement}");
    }
    server.logged("blob_quarantined", |_| true).await;
    let quarantined = |line: &&serde_json::Value| line["event"] == "blob_quarantined";
    assert_eq!(server.log().iter().filter(quarantined).count(), 1);
    // Forty pulls, and one look.
    let reads = calls(&server, "kubo", "gateway").await;
    println!("{reads} reads, {} calls", calls(&server, "kubo", "block/stat").await);
}

/// The first look finds a block lost, and the second one finds it. A busy machine may be late with bringing it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_is_back_at_the_second_look_condemns_nothing() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    for attempt in 0..10 {
        let bytes = random(5010 + attempt, 2 * MIB);
        let digest = client.push_blob("back", &bytes).await;
        let leaf: Cid = node.cid_of(&bytes[..MIB]).parse().unwrap();
        let file = node.block_file(&leaf);
        let block = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let looks = calls(&server, "postgres", "scrub/get").await;
        let path = format!("/v2/back/blobs/{digest}");
        let _ = client.try_send(request("GET", &path, &[], nothing())).await;
        until("nobody looks", async || calls(&server, "postgres", "scrub/get").await > looks).await;
        std::fs::write(&file, block).unwrap();
        // The next look reads the whole blob, and finds it sound.
        let whole = async || {
            calls(&server, "postgres", "scrub/get").await > looks + 1.0
                || client.head(&path).await.status == 404
        };
        until("nobody looks again", whole).await;
        if client.head(&path).await.status == 200 {
            assert!(client.get(&path).await.expect(200).body == bytes);
            return;
        }
    }
    panic!("a blob goes under quarantine although its block is back");
}
