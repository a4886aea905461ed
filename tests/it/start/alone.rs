//! A server without settings starts a private PostgreSQL and a private Kubo, and loses no data.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::rig::client::{Client, OCI_MANIFEST, random};
use crate::rig::launch::{data_dir, with_kubo, working_below};

async fn ended(data: &Path) {
    let began = Instant::now();
    while !working_below(data).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?} live on", working_below(data));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn has(client: Client, tag: &str, manifest: &str, layer: &str, bytes: &Bytes) {
    let answer = client.get(&format!("/v2/alone/manifests/{tag}")).await.expect(200);
    assert_eq!(answer.header("docker-content-digest"), manifest);
    assert_eq!(answer.header("content-type"), OCI_MANIFEST);
    let answer = client.get(&format!("/v2/alone/blobs/{layer}")).await.expect(200);
    assert!(answer.body == *bytes && !answer.cut);
}

#[tokio::test]
async fn pushed_content_survives_a_stop_and_a_kill() {
    let (_top, data) = data_dir();
    let bytes = random(900, (5 << 20) + 7);
    let mut server = with_kubo().alone(&data).await;
    let (manifest, layer) = server.client().push_image("alone", "v1", &bytes).await;
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    assert!(working_below(&data).len() >= 2, "a PostgreSQL and a Kubo");

    // A second server cannot use the directory, and does not disturb the first one.
    let second = with_kubo().env("OPEN_REGISTRY_DATA_DIR", &data).refused().await;
    second.names(&[&server.pid().to_string(), "OPEN_REGISTRY_DATA_DIR"]);
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;

    // A server that stops waits until its partners have stopped.
    assert_eq!(server.stop().await, Some(0), "{:#?}", server.log());
    assert_eq!(working_below(&data), [0; 0]);
    drop(server);

    let mut server = with_kubo().alone(&data).await;
    has(server.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    let more = random(901, 3 << 20);
    let (later, other) = server.client().push_image("alone", "v2", &more).await;
    server.kill();
    // A server can start right after the kill.
    let mut next = with_kubo().alone(&data).await;
    has(next.client(), "v1", manifest.as_str(), layer.as_str(), &bytes).await;
    has(next.client(), "v2", later.as_str(), other.as_str(), &more).await;
    // The partners of a killed server end by themselves.
    next.kill();
    ended(&data).await;
    drop(server);
}
