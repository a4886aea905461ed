//! PostgreSQL or Kubo restarts under the requests of clients, who wait and see no error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::rig::client::{Client, OCI_MANIFEST, full, image, random, request};
use crate::rig::kubo::Node;
use crate::rig::postgres::Cluster;
use crate::rig::server::builder;

const MIB: usize = 1 << 20;

/// The time within which a request fails whose partner stays away, on a busy machine.
const AT_MOST: Duration = Duration::from_secs(8);

/// Requests of every kind that a client may send again, each in a task of its own.
fn requests(
    client: Client,
    round: u64,
    manifest: &Bytes,
    layer: &Bytes,
) -> Vec<tokio::task::JoinHandle<()>> {
    let digest = sha256(layer);
    let blob = format!("/v2/blink/blobs/{digest}");
    let mut tasks = Vec::new();
    for n in 0..4 {
        let (blob, layer, manifest) = (blob.clone(), layer.clone(), manifest.clone());
        tasks.push(tokio::spawn({
            let (blob, layer) = (blob.clone(), layer.clone());
            async move { assert!(client.get(&blob).await.expect(200).body == layer) }
        }));
        tasks.push(tokio::spawn({
            let blob = blob.clone();
            async move { drop(client.head(&blob).await.expect(200)) }
        }));
        tasks.push(tokio::spawn(async move {
            drop(client.get("/v2/blink/manifests/v1").await.expect(200));
            drop(client.get("/v2/blink/tags/list").await.expect(200));
        }));
        tasks.push(tokio::spawn(async move {
            let tag = format!("r{round}-{n}");
            client.push_manifest("blink", &tag, OCI_MANIFEST, manifest).await.expect(201);
        }));
        tasks.push(tokio::spawn(async move {
            let small = random(900 + 10 * round + n, 1000);
            let path = format!("/v2/blink/blobs/uploads/?digest={}", sha256(&small));
            client.send(request("POST", &path, &[], full(small))).await.expect(201);
        }));
        tasks.push(tokio::spawn(async move {
            client.push_blob("blink", &random(950 + 10 * round + n, 2 * MIB)).await;
        }));
    }
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_wait_for_partners_that_restart() {
    let cluster = Cluster::start();
    let mut node = Node::start();
    let server = builder().await.at(cluster.database().await).on(&node).start().await;
    let client = server.client();
    let layer = random(800, 2 * MIB);
    let (_, digest) = client.push_image("blink", "v1", &layer).await;
    let manifest = image(&sha256(b"{}"), 2, &[(&digest, layer.len())]);
    for round in 0..2 {
        cluster.stop();
        client.get("/readyz").await.refused(503, "UNAVAILABLE");
        let tasks = requests(client, round, &manifest, &layer);
        cluster.resume();
        for task in tasks {
            task.await.unwrap();
        }
    }
    for (round, signal) in [(2, "-KILL"), (3, "-TERM")] {
        node.end_by(signal);
        let tasks = requests(client, round, &manifest, &layer);
        node.resume();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_stays_away_costs_a_503_after_some_seconds() {
    let cluster = Cluster::start();
    let node = Node::start();
    let server = builder().await.at(cluster.database().await).on(&node).start().await;
    let client = server.client();
    let (manifest, layer) = client.push_image("blink", "v1", &random(801, 2 * MIB)).await;
    let session = client.start_upload("blink").await;
    node.end_by("-KILL");
    let began = Instant::now();
    let blob = format!("/v2/blink/blobs/{layer}");
    let patch = request("PATCH", &session, &[], full(random(802, 2 * MIB)));
    let (get, patch) = tokio::join!(client.get(&blob), client.send(patch));
    get.refused(503, "UNAVAILABLE");
    patch.refused(503, "UNAVAILABLE");
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
    cluster.stop();
    let began = Instant::now();
    client.get(&format!("/v2/blink/manifests/{manifest}")).await.refused(503, "UNAVAILABLE");
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
}

/// Docker's registry restarts with its disk; this one's bytes are in another process, whose end no client may see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_goes_on_while_kubo_restarts() {
    let mut node = Node::start();
    for gateway in [true, false] {
        let builder = builder().await.on(&node);
        let builder = if gateway { builder } else { builder.without_gateway() };
        let server = builder.start().await;
        let bytes = random(810, 96 * MIB);
        let digest = server.client().push_blob("blink", &bytes).await;
        let restarted = Arc::new(Barrier::new(3));
        let pulls = [false, true].map(|paused| {
            let (path, addr) = (format!("/v2/blink/blobs/{digest}"), server.addr);
            let (restarted, bytes) = (Arc::clone(&restarted), bytes.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                let mut read = vec![0; 8 * MIB];
                stream.read_exact(&mut read).await.unwrap();
                restarted.wait().await;
                if paused {
                    // This client takes no byte until Kubo is back.
                    restarted.wait().await;
                    stream.read_to_end(&mut read).await.unwrap();
                } else {
                    let (_, end) = tokio::join!(restarted.wait(), stream.read_to_end(&mut read));
                    end.unwrap();
                }
                assert!(read.ends_with(&bytes[bytes.len() - MIB..]), "paused: {paused}");
                let body = read.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
                assert!(read[body..] == bytes, "paused: {paused}");
            })
        });
        restarted.wait().await;
        node.end_by("-KILL");
        node.resume();
        restarted.wait().await;
        for pull in pulls {
            pull.await.unwrap();
        }
        server.logged("read_resumed", |_| true).await;
    }
}
