//! PostgreSQL or Kubo restarts under the requests of clients, who wait and see no error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use af_registry::oci::Digest;
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::rig::client::{Client, OCI_MANIFEST, full, image, random, request};
use crate::rig::kubo::Node;
use crate::rig::postgres::Cluster;
use crate::rig::server::{Server, builder};

const MIB: usize = 1 << 20;

/// The time within which a request fails whose partner stays away, on a busy machine.
const AT_MOST: Duration = Duration::from_secs(8);

/// Requests of every kind that a client may send again, each in a task of its own.
fn requests(client: Client, round: u64, manifest: &Bytes, layer: &Bytes) -> Vec<JoinHandle<()>> {
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

/// A partner that was away for longer than this, because the machine is busy, shows nothing: the test stops it again.
const SHORT: Duration = Duration::from_millis(3500);
/// How often a test stops a partner until one restart is short enough.
const ATTEMPTS: u32 = 10;

/// Whether all tasks succeeded. Panics as one of them did, unless the partner was `away` for too long.
async fn succeeded(tasks: Vec<JoinHandle<()>>, away: Duration) -> bool {
    let mut all = true;
    for task in tasks {
        match task.await {
            Ok(()) => {}
            Err(error) if away < SHORT => std::panic::resume_unwind(error.into_panic()),
            Err(_) => all = false,
        }
    }
    all
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
        let (tasks, began) = (requests(client, round, &manifest, &layer), Instant::now());
        cluster.resume();
        succeeded(tasks, began.elapsed()).await;
    }
    for (kind, signal) in [(1, "-KILL"), (2, "-TERM")] {
        for attempt in 0..ATTEMPTS {
            node.end_by(signal);
            let round = 10 * kind + u64::from(attempt);
            let (tasks, began) = (requests(client, round, &manifest, &layer), Instant::now());
            node.resume();
            if succeeded(tasks, began.elapsed()).await {
                break;
            }
        }
    }
}

/// Requests that are under way when a partner goes away are repeated as well, if they read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_nothing_of_a_restart() {
    let cluster = Cluster::start();
    let mut node = Node::start();
    let server = builder().await.at(cluster.database().await).on(&node).start().await;
    let client = server.client();
    let layer = random(820, 3 * MIB);
    let (manifest, digest) = client.push_image("blink", "v1", &layer).await;
    let (blob, manifest) =
        (format!("/v2/blink/blobs/{digest}"), format!("/v2/blink/manifests/{manifest}"));
    for partner in ["PostgreSQL", "Kubo"] {
        for _ in 0..ATTEMPTS {
            let stop = CancellationToken::new();
            let readers = (0..6).map(|_| {
                let (stop, layer) = (stop.clone(), layer.clone());
                let (blob, manifest) = (blob.clone(), manifest.clone());
                tokio::spawn(async move {
                    while !stop.is_cancelled() {
                        assert!(client.get(&blob).await.expect(200).body == layer);
                        client.head(&blob).await.expect(200);
                        client.get(&manifest).await.expect(200);
                        client.get("/v2/blink/tags/list").await.expect(200);
                    }
                })
            });
            let readers: Vec<_> = readers.collect();
            // The readers are under way.
            client.get(&blob).await.expect(200);
            let began = Instant::now();
            if partner == "Kubo" {
                node.end_by("-KILL");
                node.resume();
            } else {
                cluster.restart();
            }
            let away = began.elapsed();
            client.get(&blob).await;
            stop.cancel();
            if succeeded(readers, away).await {
                break;
            }
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

/// One pull goes on reading while Kubo restarts, and one takes no byte until Kubo is back. Returns how long Kubo was away,
/// and the pulls.
async fn restart_under_pulls(
    node: &mut Node,
    server: &Server,
    digest: &Digest,
    bytes: &Bytes,
) -> (Duration, Vec<JoinHandle<()>>) {
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
                restarted.wait().await;
                stream.read_to_end(&mut read).await.unwrap();
            } else {
                let (_, end) = tokio::join!(restarted.wait(), stream.read_to_end(&mut read));
                end.unwrap();
            }
            let body = read.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            assert!(read[body..] == bytes, "paused: {paused}");
        })
    });
    restarted.wait().await;
    let began = Instant::now();
    node.end_by("-KILL");
    node.resume();
    let away = began.elapsed();
    restarted.wait().await;
    (away, pulls.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_goes_on_while_kubo_restarts() {
    let mut node = Node::start();
    for gateway in [true, false] {
        let builder = builder().await.on(&node);
        let builder = if gateway { builder } else { builder.without_gateway() };
        let server = builder.start().await;
        let bytes = random(810, 96 * MIB);
        let digest = server.client().push_blob("blink", &bytes).await;
        for _ in 0..ATTEMPTS {
            let (away, pulls) = restart_under_pulls(&mut node, &server, &digest, &bytes).await;
            if succeeded(pulls, away).await {
                break;
            }
        }
        server.logged("read_resumed", |_| true).await;
    }
}
