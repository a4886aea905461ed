//! Uploads that arrive slowly or in small pieces, and what they leave to others.

use std::time::Duration;

use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::client::{Client, full, nothing, random, request};
use crate::rig::kubo::Node;
use crate::rig::server::{Builder, builder, server};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A PATCH whose body is sent by hand.
struct Patch(TcpStream);

impl Patch {
    /// Sends the head. The body will have `length` bytes.
    async fn begin(client: Client, session: &str, length: usize) -> Self {
        let mut stream = TcpStream::connect(client.addr).await.unwrap();
        let head =
            format!("PATCH {session} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Waits for the answer, and returns its status line.
    async fn status(mut self) -> String {
        let mut answer = Vec::new();
        while !answer.windows(2).any(|end| end == b"\r\n") {
            assert!(self.0.read_buf(&mut answer).await.unwrap() > 0, "the connection was cut");
        }
        String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned()
    }
}

async fn close(client: Client, session: &str, bytes: &Bytes) {
    let digest = sha256(bytes);
    client.ask("PUT", &format!("{session}?digest={digest}")).await.expect(201);
    let repository = session.split("/blobs/").next().unwrap();
    let blob = client.get(&format!("{repository}/blobs/{digest}")).await.expect(200);
    assert_eq!(sha256(&blob.body), digest);
}

#[tokio::test]
async fn many_small_appends_cost_what_their_bytes_do() {
    let server = server().await;
    let other = Builder::beside(&server).start().await;
    // The open leaf was written once before, by a request that was long enough.
    let bytes = random(500, 200 * KIB + 3000 * 100);
    let session = server.client().start_upload("drops").await;
    let first = request("PATCH", &session, &[], full(bytes.slice(..200 * KIB)));
    server.client().send(first).await.expect(202);
    let calls = "registry_kubo_call_duration_seconds_count";
    let before = server.metric(calls, "").await + other.metric(calls, "").await;
    for (n, at) in (200 * KIB..bytes.len()).step_by(100).enumerate() {
        // Each piece is durable when it is acknowledged, and any instance goes on from there.
        let instance = if n % 2 == 0 { &server } else { &other };
        let drop = request("PATCH", &session, &[], full(bytes.slice(at..at + 100)));
        let answer = instance.client().send(drop).await.expect(202);
        assert_eq!(answer.header("range"), format!("0-{}", at + 99));
    }
    let after = server.metric(calls, "").await + other.metric(calls, "").await;
    assert!(before > 0.0, "no metric is called {calls}");
    assert!(after - before < 30.0, "{} calls of Kubo", after - before);
    let kept = "SELECT pg_total_relation_size('uploads') + pg_total_relation_size('upload_pieces')
        + pg_total_relation_size('upload_parts')";
    let kept: i64 = server.database().admin.query_one(kept, &[]).await.unwrap().get(0);
    let most = 10 * (3000 * 100) + 10 * MIB;
    assert!(usize::try_from(kept).unwrap() < most, "{kept} bytes are kept");
    close(other.client(), &session, &bytes).await;
    let left = "SELECT count(*) FROM upload_pieces";
    let left: i64 = server.database().admin.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn pieces_and_parts_make_the_blob_of_one_add() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    // Ends of requests below, at and above the size of a piece, of a leaf and of two.
    let lengths = [1, 16 * KIB, 17 * KIB, MIB - 34 * KIB - 1, 1, 130 * KIB, MIB, 3, 2 * MIB, 70];
    let bytes = random(501, lengths.iter().sum());
    let session = client.start_upload("mixed").await;
    let mut at = 0;
    for length in lengths {
        let body = full(bytes.slice(at..at + length));
        client.send(request("PATCH", &session, &[], body)).await.expect(202);
        at += length;
        assert_eq!(client.get(&session).await.expect(204).header("range"), format!("0-{}", at - 1));
    }
    close(client, &session, &bytes).await;
    assert!(node.is_pinned(&node.cid_of(&bytes)));
}

#[tokio::test]
async fn any_instance_closes_an_upload_without_reading_it_back() {
    let server = server().await;
    let other = Builder::beside(&server).start().await;
    let bytes = random(509, 3 * MIB + 1000);
    let session = server.client().start_upload("moved").await;
    for part in [0..2 * MIB, 2 * MIB..bytes.len()] {
        let patch = request("PATCH", &session, &[], full(bytes.slice(part)));
        server.client().send(patch).await.expect(202);
    }
    let digest = sha256(&bytes);
    other.client().ask("PUT", &format!("{session}?digest={digest}")).await.expect(201);
    let calls = "registry_kubo_call_duration_seconds_count";
    assert!(other.metric(calls, "block/get").await > 0.0, "the nodes above the leaves are read");
    for read in ["gateway", "cat"] {
        assert_eq!(other.metric(calls, read).await, 0.0, "{read}");
    }
    let blob = server.client().get(&format!("/v2/moved/blobs/{digest}")).await.expect(200);
    assert_eq!(sha256(&blob.body), digest);
}

#[tokio::test]
async fn a_small_blob_in_pieces_is_one_block() {
    let server = server().await;
    let client = server.client();
    for (seed, first, last) in [(502, 10, 0), (503, 10, 10), (504, 200 * KIB, 7), (505, 0, 9)] {
        let bytes = random(seed, first + last);
        let digest = sha256(&bytes);
        let session = client.start_upload("small").await;
        let patch = request("PATCH", &session, &[], full(bytes.slice(..first)));
        client.send(patch).await.expect(202);
        let body = if last == 0 { nothing() } else { full(bytes.slice(first..)) };
        let put = format!("{session}?digest={digest}");
        client.send(request("PUT", &put, &[], body)).await.expect(201);
        let blob = client.get(&format!("/v2/small/blobs/{digest}")).await.expect(200);
        assert_eq!(blob.body, bytes);
    }
}

#[tokio::test]
async fn small_blobs_of_a_crowd_are_streamed_and_get_the_same_cids() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    // Together more than all uploads may gather, though each is shorter than a leaf.
    let length = MIB - 1;
    let mut patches = Vec::new();
    for seed in 540..572 {
        let bytes = random(seed, length);
        let session = client.start_upload("crowd").await;
        let mut patch = Patch::begin(client, &session, length).await;
        patch.send(&bytes[..length - 1]).await;
        patches.push((session, bytes, patch));
    }
    let all = (patches.len() * (length - 1)) as f64;
    let received = async || {
        while server.metric("registry_blob_received_bytes_total", "").await < all {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), received()).await.expect("the server reads all");
    for (session, bytes, mut patch) in patches {
        patch.send(&bytes[length - 1..]).await;
        assert!(patch.status().await.contains("202"));
        close(client, &session, &bytes).await;
        assert!(node.is_pinned(&node.cid_of(&bytes)));
    }
    let calls = "registry_kubo_call_duration_seconds_count";
    let (streamed, blocks) =
        (server.metric(calls, "\"add\"").await, server.metric(calls, "\"block/put\"").await);
    assert!(streamed > 0.0 && blocks > 0.0, "{streamed} streamed, {blocks} blocks");
}

#[tokio::test]
async fn a_patch_that_breaks_keeps_what_has_come() {
    let server = server().await;
    let client = server.client();
    let bytes = random(506, 61 * MIB);
    let session = client.start_upload("broken").await;
    let mut patch = Patch::begin(client, &session, bytes.len()).await;
    patch.send(&bytes[..60 * MIB]).await;
    drop(patch);
    let stored = client.get(&session).await.expect(204);
    assert_eq!(stored.header("range"), format!("0-{}", 60 * MIB - 1));
    let rest = request("PATCH", &session, &[], full(bytes.slice(60 * MIB..)));
    client.send(rest).await.expect(202);
    close(client, &session, &bytes).await;
}

#[tokio::test]
async fn slow_uploads_keep_no_slot_from_a_fast_one() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_UPLOADS", "2").start().await;
    let client = server.client();
    // Three of each: those whose bytes fit into memory, those that hold a slot, and those that stream to Kubo.
    let mut slow = Vec::new();
    for (n, sent) in [10, 10, 10, 20 * KIB, 20 * KIB, 20 * KIB, 3 * MIB, 3 * MIB, 3 * MIB]
        .into_iter()
        .enumerate()
    {
        let bytes = random(510 + n as u64, sent + 1000);
        let session = client.start_upload("slow").await;
        let mut patch = Patch::begin(client, &session, bytes.len()).await;
        patch.send(&bytes[..sent]).await;
        slow.push((patch, session, bytes, sent));
    }
    // If they kept their slots, each push would wait for half a minute and fail.
    for seed in 530..533 {
        client.push_blob("fast", &random(seed, 5 * MIB)).await;
    }
    for (mut patch, session, bytes, sent) in slow {
        patch.send(&bytes[sent..]).await;
        let status = patch.status().await;
        assert!(status.contains("202"), "{status}");
        close(client, &session, &bytes).await;
    }
}

#[tokio::test]
async fn an_upload_whose_bytes_still_move_does_not_expire() {
    let server = builder().await.env("OPEN_REGISTRY_UPLOAD_IDLE_TIME", "2s").start().await;
    let client = server.client();
    let bytes = random(507, 50);
    let (moving, idle) = (client.start_upload("moves").await, client.start_upload("idle").await);
    let mut patch = Patch::begin(client, &moving, bytes.len()).await;
    let mut sent = 0;
    // The job that ends idle uploads has run when the other one is gone.
    while client.get(&idle).await.status == 204 || sent < 20 {
        assert!(sent + 1 < bytes.len(), "the idle upload did not expire");
        patch.send(&bytes[sent..=sent]).await;
        sent += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    patch.send(&bytes[sent..]).await;
    let status = patch.status().await;
    assert!(status.contains("202"), "{status}");
    close(client, &moving, &bytes).await;
}

#[tokio::test]
async fn of_two_appends_at_once_the_second_is_refused() {
    let server = server().await;
    let client = server.client();
    let bytes = random(508, 2000);
    let session = client.start_upload("twice").await;
    let mut patch = Patch::begin(client, &session, 1000).await;
    patch.send(&bytes[..500]).await;
    // The server has read the head and waits for the rest.
    let open = "registry_uploads_open";
    while server.metric(open, "").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let second = {
        let (session, bytes) = (session.clone(), bytes.slice(1000..));
        tokio::spawn(async move { client.send(request("PATCH", &session, &[], full(bytes))).await })
    };
    // It has looked at the upload and waits for the first. Then it no longer begins where its client believes.
    let looks = "registry_postgres_call_duration_seconds_count";
    while server.metric(looks, "upload/get").await < 2.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    patch.send(&bytes[500..1000]).await;
    let status = patch.status().await;
    assert!(status.contains("202"), "{status}");
    let refused = second.await.unwrap().refused(416, "BLOB_UPLOAD_INVALID");
    assert_eq!(refused.header("range"), "0-999");
    client.send(request("PATCH", &session, &[], full(bytes.slice(1000..)))).await.expect(202);
    close(client, &session, &bytes).await;
}

#[tokio::test]
async fn an_account_opens_only_so_many_uploads() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_OPEN_UPLOADS", "3").start().await;
    let client = server.client();
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(client.start_upload("many").await);
    }
    let refused = client.ask("POST", "/v2/many/blobs/uploads/").await;
    refused.refused(429, "TOOMANYREQUESTS");
    client.delete(&sessions[0]).await.expect(204);
    client.start_upload("many").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_pushers_on_thin_links_share_four_slots() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_UPLOADS", "4").start().await;
    let client = server.client();
    let pushes: Vec<_> = (0..32)
        .map(|n| {
            tokio::spawn(async move {
                // 64 KiB a second.
                let bytes = random(900 + n, 384 * KIB + 5);
                let session = client.start_upload("thin").await;
                let mut patch = Patch::begin(client, &session, bytes.len()).await;
                for piece in bytes.chunks(16 * KIB) {
                    patch.send(piece).await;
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                let status = patch.status().await;
                assert!(status.contains("202"), "{status}");
                close(client, &session, &bytes).await;
            })
        })
        .collect();
    for push in pushes {
        push.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_runners_of_one_account_push_at_once() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_UPLOADS", "4").start().await;
    let client = server.client();
    let pushes: Vec<_> = (0..200)
        .map(|n| {
            tokio::spawn(async move { client.push_blob("fleet", &random(600 + n, 40 * KIB)).await })
        })
        .collect();
    for push in pushes {
        let digest = push.await.unwrap();
        client.head(&format!("/v2/fleet/blobs/{digest}")).await.expect(200);
    }
}
