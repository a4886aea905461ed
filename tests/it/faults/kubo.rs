//! A Kubo that dies, hangs, is slow or full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{MIB, finish, stored};
use crate::rig::client::{Client, full, random, request};
use crate::rig::dice::Dice;
use crate::rig::kubo::Node;
use crate::rig::meddler::{Meddling, meddle};
use crate::rig::program::is_root;
use crate::rig::server::{Builder, Server, builder};
use crate::rig::whole::{ready, whole};

/// A server whose calls of Kubo's RPC API pass a proxy.
async fn meddled(
    node: &Node,
    decide: impl Fn(&str) -> Option<Meddling> + Send + Sync + 'static,
) -> Server {
    let api = meddle(&node.settings.api, decide).await;
    let builder = builder().await.on(node);
    builder
        .env("OPEN_REGISTRY_DFS_IPFS_API_URL", &format!("http://127.0.0.1:{}", api.port))
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_an_upload_survives_a_kubo_that_is_killed_under_it() {
    let mut dice = Dice::new("f01");
    let mut node = Node::start();
    let server = builder().await.on(&node).start().await;
    for _ in 0..2 {
        let bytes = random(dice.next(), 12 * MIB + dice.below(MIB));
        let session = server.client().start_upload("f01").await;
        let upto = dice.below(bytes.len());
        let mut patch = TcpStream::connect(server.addr).await.unwrap();
        let length = bytes.len();
        let head =
            format!("PATCH {session} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        patch.write_all(head.as_bytes()).await.unwrap();
        patch.write_all(&bytes[..upto]).await.unwrap();
        node.end_by("-KILL");
        // The server may answer before it has read everything, and close.
        let _ = patch.write_all(&bytes[upto..]).await;
        let mut answer = Vec::new();
        let _ = patch.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503"), "{answer}");
        node.resume();
        ready(server.client()).await;
        let at = stored(server.client(), &session).await;
        assert!(at <= length, "{at} of {length}");
        finish(server.client(), &session, &bytes, at).await;
    }
    server.client().push_image("f01", "v1", &random(dice.next(), MIB)).await;
    whole(server.client(), &server.database().settings, &node).await;
}

#[tokio::test]
async fn f01_an_upload_survives_connections_to_kubo_that_break() {
    let mut dice = Dice::new("f01 cuts");
    let node = Node::start();
    let cuts = Arc::new(std::sync::Mutex::new(None::<Meddling>));
    let next = Arc::clone(&cuts);
    let server = meddled(&node, move |path| {
        let stores = path.contains("/add?") || path.contains("/block/put?");
        if stores { next.lock().unwrap().take() } else { None }
    })
    .await;
    for round in 0..10 {
        let bytes = random(dice.next(), 200_000 + dice.below(2 * MIB));
        let session = server.client().start_upload("f01").await;
        let cut = dice.below(bytes.len());
        *cuts.lock().unwrap() = Some(match round % 2 {
            0 => Meddling::CutRequest(cut),
            _ => Meddling::CutAnswer(cut % 50),
        });
        let patch = request("PATCH", &session, &[], full(bytes.clone()));
        // A block that broke off is sent again; a file is not, because its bytes are gone.
        let answer = server.client().send(patch).await;
        assert!([202, 503].contains(&answer.status.as_u16()), "{answer:?}");
        let at = stored(server.client(), &session).await;
        finish(server.client(), &session, &bytes, at).await;
        assert!(cuts.lock().unwrap().is_none(), "nothing was cut");
    }
    whole(server.client(), &server.database().settings, &node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_a_kubo_that_hangs_costs_a_503_and_nothing_else() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    let (manifest, layer) = client.push_image("f02", "v1", &random(1, 2 * MIB)).await;
    node.signal("-STOP");
    let began = Instant::now();
    let blob = format!("/v2/f02/blobs/{layer}");
    let pulls: Vec<_> = (0..200)
        .map(|_| {
            let blob = blob.clone();
            tokio::spawn(async move { client.get(&blob).await.refused(503, "UNAVAILABLE") })
        })
        .collect();
    let bytes = random(2, 3 * MIB);
    let session = client.start_upload("f02").await;
    let push = {
        let patch = request("PATCH", &session, &[], full(bytes.clone()));
        tokio::spawn(async move { client.send(patch).await })
    };
    // What needs no Kubo goes on, for as long as the others wait.
    while !pulls.iter().all(tokio::task::JoinHandle::is_finished) {
        client.get(&format!("/v2/f02/manifests/{manifest}")).await.expect(200);
        client.head(&blob).await.expect(200);
        client.get("/v2/").await.expect(200);
        client.get("/healthz").await.expect(200);
        assert_no_transaction_waits(&server).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.get("/readyz").await.refused(503, "UNAVAILABLE");
    for pull in pulls {
        assert_eq!(pull.await.unwrap().header("retry-after"), "5");
    }
    // The limit is ten seconds.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    node.signal("-CONT");
    let push = push.await.unwrap();
    assert!([202, 503].contains(&push.status.as_u16()), "{push:?}");
    let at = stored(client, &session).await;
    finish(client, &session, &bytes, at).await;
    whole(client, &server.database().settings, &node).await;
}

/// Asserts that no connection has been in a transaction for longer than a statement takes: nobody holds one while Kubo is
/// asked.
async fn assert_no_transaction_waits(server: &Server) {
    let waiting = "SELECT coalesce(max(query), '') FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND state LIKE 'idle in transaction%' AND state_change < now() - INTERVAL '1 second'";
    let row = server.database().admin.query_one(waiting, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "", "a transaction waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f09_pin_calls_that_hang_hold_up_nothing_else() {
    let node = Node::start();
    let (release, released) = watch::channel(false);
    let server = meddled(&node, move |path| {
        path.contains("/pin/").then(|| Meddling::Hold(released.clone()))
    })
    .await;
    let client = server.client();
    // More than there are connections to PostgreSQL, and each leaves parts or pins to be dropped.
    let pushes: Vec<_> = (0..16)
        .map(|n| {
            tokio::spawn(async move {
                let bytes = random(40 + n, 2 * MIB);
                let session = client.start_upload("f09").await;
                for part in [0..MIB, MIB..2 * MIB] {
                    let patch = request("PATCH", &session, &[], full(bytes.slice(part)));
                    let sent = client.send(patch).await;
                    assert!([202, 503].contains(&sent.status.as_u16()), "{sent:?}");
                }
                let put = format!("{session}?digest={}", sha256(&bytes));
                let put = client.ask("PUT", &put).await;
                assert!([201, 416, 400, 503].contains(&put.status.as_u16()), "{put:?}");
            })
        })
        .collect();
    for n in 0..10 {
        client.start_upload("f09").await;
        client.get("/v2/f09/tags/list").await.expect(200);
        client.get("/v2/").await.expect(200);
        assert_no_transaction_waits(&server).await;
        tokio::time::sleep(Duration::from_millis(20 * n)).await;
    }
    release.send_replace(true);
    for push in pushes {
        push.await.unwrap();
    }
    client.push_image("f09", "v1", &random(60, 2 * MIB)).await;
    whole(client, &server.database().settings, &node).await;
}

/// Whether a test may mount a file system.
fn may_mount(test: &str) -> bool {
    if !is_root() {
        println!("SKIPPED: {test}: it mounts a file system, which only root may");
    }
    is_root()
}

/// Pushes until Kubo's file system is full, and shows what clients see then. Returns the session of the refused upload.
async fn fills_up(node: &Node, server: &Server, size: usize) {
    let client = server.client();
    let mut pushed = Vec::new();
    for n in 0..500 {
        let bytes = random(1000 + n, size);
        let path = format!("/v2/full/blobs/uploads/?digest={}", sha256(&bytes));
        let answer = client.send(request("POST", &path, &[], full(bytes.clone()))).await;
        if answer.status == 201 {
            pushed.push(bytes);
            continue;
        }
        let answer = answer.refused(503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), "5");
        server.says("no space left").await;
        break;
    }
    assert!(!pushed.is_empty() && pushed.len() < 500, "{} are stored", pushed.len());
    for bytes in &pushed {
        let blob = client.get(&format!("/v2/full/blobs/{}", sha256(bytes))).await.expect(200);
        assert!(blob.body == *bytes);
    }
    client.get("/v2/full/tags/list").await.expect(200);
    whole(client, &server.database().settings, node).await;
}

#[tokio::test]
async fn f10_a_full_disk_of_kubo_refuses_pushes_and_serves_pulls() {
    if !may_mount("f10") {
        return;
    }
    let node = Node::on_small_disk(16 * MIB, 100_000);
    let server = builder().await.on(&node).start().await;
    fills_up(&node, &server, 2 * MIB).await;
}

#[tokio::test]
async fn f11_a_kubo_without_free_inodes_refuses_pushes_and_serves_pulls() {
    if !may_mount("f11") {
        return;
    }
    let node = Node::on_small_disk(256 * MIB, 60);
    let server = builder().await.on(&node).start().await;
    fills_up(&node, &server, 30_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f29_a_herd_that_waited_for_kubo_is_served() {
    const HERD: usize = 600;
    let mut node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    let bytes = random(70, 100_000);
    let layer = client.push_blob("f29", &bytes).await;
    let blob = format!("/v2/f29/blobs/{layer}");
    node.end_by("-KILL");
    let served = Arc::new(AtomicBool::new(false));
    let herd: Vec<_> = (0..HERD)
        .map(|_| {
            let (blob, bytes, served) = (blob.clone(), bytes.clone(), Arc::clone(&served));
            tokio::spawn(async move { come_back(client, &blob, &bytes, &served).await })
        })
        .collect();
    node.resume();
    for one in herd {
        one.await.unwrap();
    }
    assert!(served.load(Ordering::Relaxed));
    whole(client, &server.database().settings, &node).await;
}

/// Asks as clients do, who come again after a 503.
async fn come_back(client: Client, blob: &str, bytes: &Bytes, served: &AtomicBool) {
    let began = Instant::now();
    loop {
        let answer = client.get(blob).await;
        if answer.status == 200 {
            assert!(answer.body == *bytes && !answer.cut);
            return served.store(true, Ordering::Relaxed);
        }
        let answer = answer.refused(503, "UNAVAILABLE");
        assert!(!answer.header("retry-after").is_empty());
        assert!(began.elapsed() < Duration::from_secs(60), "still not served");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn the_base_answers_while_both_partners_are_down() {
    let cluster = crate::rig::postgres::Cluster::start();
    let node = Node::start();
    let server = builder().await.at(cluster.database().await).on(&node).start().await;
    let guarded = Builder::beside(&server).env("OPEN_REGISTRY_AUTH", "token").start().await;
    node.end_by("-KILL");
    cluster.stop();
    server.client().get("/v2/").await.expect(200);
    guarded.client().get("/v2/").await.refused(401, "UNAUTHORIZED");
    for server in [&server, &guarded] {
        server.client().get("/healthz").await.expect(200);
        server.client().get("/readyz").await.refused(503, "UNAVAILABLE");
    }
}

#[tokio::test]
async fn the_operator_learns_which_partner_is_gone() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let operator = Client { addr: server.metrics };
    node.signal("-STOP");
    let answer = operator.get("/readyz").await.expect(503).json();
    assert!(answer["reasons"][0]["code"].as_str().unwrap().starts_with("kubo_"), "{answer}");
    assert!(answer["reasons"][0]["message"].as_str().unwrap().contains("no answer"), "{answer}");
    let gone = server.logged("partner_gone", |line| line["partner"] == "Kubo").await;
    assert!(gone["message"].as_str().unwrap().contains("get a 503"), "{gone}");
    node.signal("-CONT");
    server.logged("partner_back", |line| line["partner"] == "Kubo").await;
    operator.get("/readyz").await.expect(200);
}
