//! The promises of the registry: what a 201 means, that a client never takes wrong bytes for a whole blob, and that a cut
//! connection or a crash loses nothing that was stored.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use af_registry::ipld::Cid;
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::client::{Client, OCI_MANIFEST, full, image, nothing, random, request};
use crate::rig::kubo::{Node, shared};
use crate::rig::server::{Builder, Server, builder, server};

const MIB: usize = 1 << 20;

/// Waits until `holds` is true, for effects that follow soon after a response.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("still not true after 30 seconds: {what}");
}

/// The CID that the log names for an uploaded blob.
async fn uploaded(server: &Server, digest: &str) -> String {
    let line = server.logged("blob_upload", |line| line["digest"] == digest).await;
    line["ipfs_cid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn after_a_201_the_blob_is_pinned_and_nothing_else_is() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    let before: HashSet<String> = node.pins().into_iter().collect();
    let bytes = random(100, 130 * MIB + 5);
    let digest = server.client().push_blob("p1", &bytes).await;
    let cid = uploaded(&server, digest.as_str()).await;
    assert_eq!(cid, node.cid_of(&bytes));
    assert!(node.is_pinned(&cid));
    eventually("only the blob is pinned", || {
        let pins = node.pins().into_iter().filter(|pin| !before.contains(pin)).collect::<Vec<_>>();
        pins == [cid.clone()]
    })
    .await;
    assert_eq!(node.cat(&cid), bytes);
}

/// How to damage the file of a block.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip,
    Drop,
    Truncate,
}

fn damage(node: &Node, leaf: &[u8], how: Damage) {
    let cid: Cid = node.cid_of(leaf).parse().unwrap();
    let file = node.block_file(&cid);
    let mut bytes = std::fs::read(&file).unwrap();
    match how {
        Damage::Drop => return std::fs::remove_file(&file).unwrap(),
        Damage::Flip => bytes[leaf.len() / 2] ^= 1,
        Damage::Truncate => bytes.truncate(leaf.len() / 2),
    }
    std::fs::write(&file, bytes).unwrap();
}

async fn damaged_blobs_never_end_cleanly(server: &Server, node: &Node, seed: u64) {
    let client = server.client();
    for (i, how) in [Damage::Flip, Damage::Drop, Damage::Truncate].into_iter().enumerate() {
        for (j, (size, leaf)) in
            [(1000, 0), (3 * MIB, 0), (3 * MIB, 1), (3 * MIB, 2)].into_iter().enumerate()
        {
            let bytes = random(seed + 10 * i as u64 + j as u64, size);
            let digest = client.push_blob("damaged", &bytes).await;
            let leaf = bytes.slice(leaf * MIB..((leaf + 1) * MIB).min(size));
            damage(node, &leaf, how);
            let path = format!("/v2/damaged/blobs/{digest}");
            let case = format!("{how:?} {size} {j}");
            // No response at all means that the connection was cut before the first byte.
            match client.try_send(request("GET", &path, &[], nothing())).await {
                Ok(answer) if answer.status == 200 => {
                    assert!(answer.cut, "{case}: ended cleanly");
                    assert!(answer.body.len() < size, "{case}: all bytes were sent");
                }
                Ok(answer) => assert_eq!(answer.status, 503, "{case}"),
                Err(_) => {}
            }
            server.logged("blob_quarantined", |line| line["digest"] == digest.as_str()).await;
            let mut status = client.head(&path).await.status;
            for _ in 0..100 {
                if status == 404 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                status = client.head(&path).await.status;
            }
            assert_eq!(status, 404, "{case}: not under quarantine");
            assert_eq!(client.get(&path).await.expect(503).header("retry-after"), "5");
            let config = client.push_blob("damaged", &Bytes::from_static(b"{}")).await;
            let manifest = image(&config, 2, &[(&digest, size)]);
            client
                .push_manifest("damaged", "x", OCI_MANIFEST, manifest)
                .await
                .refused(400, "MANIFEST_BLOB_UNKNOWN");
            // Pushing the blob again repairs it.
            client.push_blob("damaged", &bytes).await;
            assert_eq!(client.get(&path).await.expect(200).body, bytes, "{case}");
        }
    }
}

#[tokio::test]
async fn damaged_blocks_are_never_served_through_the_gateway() {
    let node = Node::start();
    let server = builder().await.on(&node).start().await;
    damaged_blobs_never_end_cleanly(&server, &node, 200).await;
}

#[tokio::test]
async fn damaged_blocks_are_never_served_through_cat() {
    let node = Node::start();
    let server = builder().await.on(&node).without_gateway().start().await;
    damaged_blobs_never_end_cleanly(&server, &node, 300).await;
}

/// Sends the head of a PATCH and a part of its body, then breaks the connection.
async fn torn_patch(client: Client, session: &str, bytes: &[u8], announced: usize) {
    let mut stream = TcpStream::connect(client.addr).await.unwrap();
    let head =
        format!("PATCH {session} HTTP/1.1\r\nhost: x\r\ncontent-length: {announced}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
}

fn received(range: &str) -> usize {
    let last: usize = range.strip_prefix("0-").unwrap().parse().unwrap();
    if last == 0 { 0 } else { last + 1 }
}

#[tokio::test]
async fn a_torn_upload_resumes_where_it_broke_and_after_a_crash_at_its_last_part() {
    let mut server = server().await;
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    for round in 0..6_u64 {
        let noise = random(seed + round, 16);
        let size = (2 + usize::from(noise[0]) % 150) * MIB + usize::from(noise[1]);
        let bytes = random(seed * 31 + round, size);
        let session = server.client().start_upload("torn").await;
        let mut offset = 0;
        for tear in 0..3 {
            let upto = offset + (size - offset) * usize::from(noise[2 + tear]) / 300;
            torn_patch(server.client(), &session, &bytes[offset..upto], size - offset).await;
            let killed = (round + tear as u64).is_multiple_of(2);
            if killed {
                server = server.restart().await;
            }
            let began = Instant::now();
            let stored = loop {
                let answer = server.client().get(&session).await.expect(204);
                let stored = received(answer.header("range"));
                assert!(stored >= offset && stored <= upto, "{offset} <= {stored} <= {upto}");
                // The server may take this request before the one whose connection broke.
                if killed || stored == upto {
                    break stored;
                }
                assert!(began.elapsed() < Duration::from_secs(60), "{stored} of {upto} are kept");
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            offset = stored;
        }
        let range = format!("{offset}-{}", size - 1);
        let rest =
            request("PATCH", &session, &[("content-range", &range)], full(bytes.slice(offset..)));
        server.client().send(rest).await.expect(202);
        if round % 3 == 0 {
            server = server.restart().await;
        }
        let digest = sha256(&bytes);
        // Any instance can finish an upload.
        let other = Builder::beside(&server).start().await;
        let closing = if round % 2 == 0 { &other } else { &server };
        closing.client().ask("PUT", &format!("{session}?digest={digest}")).await.expect(201);
        assert_eq!(uploaded(closing, digest.as_str()).await, shared().cid_of(&bytes));
        let got = server.client().get(&format!("/v2/torn/blobs/{digest}")).await.expect(200);
        assert_eq!(sha256(&got.body), digest);
    }
}

#[tokio::test]
async fn thirty_two_clients_pushing_one_layer_store_it_once() {
    let server = server().await;
    let client = server.client();
    let bytes = random(400, 5 * MIB + 3);
    let pushes: Vec<_> = (0..32)
        .map(|i| {
            let bytes = bytes.clone();
            tokio::spawn(async move { client.push_blob(&format!("crowd/{}", i % 4), &bytes).await })
        })
        .collect();
    let digest = sha256(&bytes);
    for push in pushes {
        assert_eq!(push.await.unwrap(), digest);
    }
    let rows = "SELECT count(*), count(DISTINCT ipfs_cid) FROM blobs WHERE digest = $1";
    let row = server.database().admin.query_one(rows, &[&digest.as_str()]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 1));
    for i in 0..4 {
        assert_eq!(
            client.get(&format!("/v2/crowd/{i}/blobs/{digest}")).await.expect(200).body,
            bytes
        );
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(shared().is_pinned(&shared().cid_of(&bytes)));
    let left = "SELECT count(*) FROM upload_parts";
    let left = server.database().admin.query_one(left, &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_tag_moved_by_many_clients_always_names_one_of_their_manifests() {
    let server = server().await;
    let client = server.client();
    let config = client.push_blob("moves", &Bytes::from_static(b"{}")).await;
    let mut manifests = Vec::new();
    for i in 0..64 {
        let layer = client.push_blob("moves", &random(500 + i, 10)).await;
        manifests.push(image(&config, 2, &[(&layer, 10)]));
    }
    let known: HashSet<String> = manifests.iter().map(|m| sha256(m).to_string()).collect();
    client.push_manifest("moves", "tag", OCI_MANIFEST, manifests[0].clone()).await.expect(201);
    let movers: Vec<_> = manifests
        .into_iter()
        .map(|manifest| {
            tokio::spawn(async move {
                client.push_manifest("moves", "tag", OCI_MANIFEST, manifest).await.expect(201);
            })
        })
        .collect();
    for _ in 0..50 {
        let got = client.get("/v2/moves/manifests/tag").await.expect(200);
        assert_eq!(sha256(&got.body).as_str(), got.header("docker-content-digest"));
        assert!(known.contains(got.header("docker-content-digest")));
    }
    for mover in movers {
        mover.await.unwrap();
    }
    let (head, got) =
        (client.head("/v2/moves/manifests/tag").await, client.get("/v2/moves/manifests/tag").await);
    assert_eq!(head.header("docker-content-digest"), got.header("docker-content-digest"));
}

#[tokio::test]
async fn sigterm_lets_accepted_requests_finish() {
    let mut server = server().await;
    let bytes = random(600, 20 * MIB);
    let digest = server.client().push_blob("drain", &bytes).await;
    let session = server.client().start_upload("drain").await;
    let mut push = TcpStream::connect(server.addr).await.unwrap();
    let head = format!("PATCH {session} HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n");
    push.write_all(head.as_bytes()).await.unwrap();
    push.write_all(&bytes[..1_000_000]).await.unwrap();
    let mut pull = TcpStream::connect(server.addr).await.unwrap();
    let head = format!("GET /v2/drain/blobs/{digest} HTTP/1.1\r\nhost: x\r\n\r\n");
    pull.write_all(head.as_bytes()).await.unwrap();
    let mut some = vec![0; 100_000];
    pull.read_exact(&mut some).await.unwrap();
    server.terminate();
    tokio::time::sleep(Duration::from_millis(500)).await;
    push.write_all(&bytes[1_000_000..3_000_000]).await.unwrap();
    let mut answer = Vec::new();
    push.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&answer));
    let mut rest = Vec::new();
    pull.read_to_end(&mut rest).await.unwrap();
    some.extend(rest);
    assert!(some.ends_with(&bytes[19 * MIB..]), "the pull was cut");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn without_kubo_manifests_are_served_and_blobs_are_unavailable() {
    let mut node = Node::start();
    let server = builder().await.on(&node).start().await;
    let client = server.client();
    let (manifest, layer) = client.push_image("down", "v1", &random(700, 2 * MIB)).await;
    let session = client.start_upload("down").await;
    node.kill();
    let blob = format!("/v2/down/blobs/{layer}");
    let patch = request("PATCH", &session, &[], full(random(701, 2 * MIB)));
    for answer in [client.get(&blob).await, client.send(patch).await, client.get("/readyz").await] {
        let answer = answer.refused(503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), "5");
        assert!(!String::from_utf8_lossy(&answer.body).contains("127.0.0.1"));
    }
    client.head(&blob).await.expect(200);
    client.get(&format!("/v2/down/manifests/{manifest}")).await.expect(200);
    client.get("/v2/down/tags/list").await.expect(200);
    client.get("/healthz").await.expect(200);
    client.get(&session).await.expect(204);
    // A blob is not put under quarantine only because Kubo is down.
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.head(&blob).await.expect(200);
}
