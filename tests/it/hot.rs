//! Copies of layers: filled once however many clients pull, never served damaged, and asked for by nobody who may not.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use af_registry::oci::Digest;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::rig::client::{nothing, random, request};
use crate::rig::server::{Server, builder};

const MIB: usize = 1 << 20;

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

async fn cached() -> Server {
    builder().await.cached().start().await
}

/// How often Kubo was asked for a file.
async fn reads(server: &Server) -> f64 {
    server.metric("registry_kubo_call_duration_seconds_count", "\"gateway\"").await
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn copy(server: &Server, digest: &Digest) -> PathBuf {
    server.copies().join(digest.as_str().replace(':', "-"))
}

async fn pull(server: &Server, path: &str, bytes: &Bytes) {
    let answer = server.client().get(path).await.expect(200);
    assert!(!answer.cut && answer.body == bytes, "{} bytes", answer.body.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_reads_kubo_once_and_a_slow_client_holds_nobody() {
    let server = cached().await;
    let client = server.client();
    let bytes = random(7001, 24 * MIB + 77);
    let digest = client.push_blob("herd", &bytes).await;
    let path = format!("/v2/herd/blobs/{digest}");
    let before = reads(&server).await;
    // This client takes the head of its answer and nothing more until the others are done.
    let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let host = server.host();
    let asked = request("GET", &path, &[("host", &host)], nothing());
    let slow = sender.send_request(asked).await.unwrap();
    let herd: Vec<_> = (0..30)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { client.get(&path).await.expect(200) })
        })
        .collect();
    for pull in herd {
        let answer = pull.await.unwrap();
        assert!(!answer.cut && answer.body == bytes);
    }
    assert!(slow.into_body().collect().await.unwrap().to_bytes() == bytes);
    connection.abort();
    pull(&server, &path, &bytes).await;
    assert_eq!(reads(&server).await - before, 1.0);
    assert_eq!(server.metric("registry_blob_cache_fills_total", "stored").await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_is_filled_although_its_first_client_has_gone() {
    let server = cached().await;
    let bytes = random(7002, 16 * MIB);
    let digest = server.client().push_blob("gone", &bytes).await;
    let path = format!("/v2/gone/blobs/{digest}");
    let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let host = server.host();
    let asked = request("GET", &path, &[("host", &host)], nothing());
    drop(sender.send_request(asked).await.unwrap());
    connection.abort();
    until("no copy", async || copy(&server, &digest).exists()).await;
    let before = reads(&server).await;
    pull(&server, &path, &bytes).await;
    assert_eq!(reads(&server).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_copy_is_never_served_and_filled_anew() {
    let server = cached().await;
    let bytes = random(7003, 3 * MIB + 5);
    let digest = server.client().push_blob("damage", &bytes).await;
    let path = format!("/v2/damage/blobs/{digest}");
    pull(&server, &path, &bytes).await;
    let file = copy(&server, &digest);
    let open = || fs::OpenOptions::new().write(true).open(&file).unwrap();
    let damages: [&dyn Fn(); 4] = [
        &|| open().write_all_at(b"x", 0).unwrap(),
        &|| open().write_all_at(&[0; 4096], 2 * MIB as u64).unwrap(),
        &|| open().set_len(MIB as u64).unwrap(),
        &|| fs::remove_file(&file).unwrap(),
    ];
    for (n, damage) in damages.iter().enumerate() {
        damage();
        pull(&server, &path, &bytes).await;
        let count = (n + 1) as f64;
        assert_eq!(server.metric("registry_blob_cache_damaged_total", "").await, count);
        until("no copy", async || file.exists()).await;
    }
    open().write_all_at(b"x", MIB as u64).unwrap();
    let range = [("range", "bytes=1048570-1048600")];
    let part = server.client().get_with(&path, &range).await.expect(206);
    assert_eq!(part.body, bytes.slice(1_048_570..=1_048_600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_outlive_a_kill_and_what_was_not_complete_is_removed() {
    let server = cached().await;
    let bytes = random(7004, 2 * MIB);
    let digest = server.client().push_blob("kill", &bytes).await;
    let path = format!("/v2/kill/blobs/{digest}");
    pull(&server, &path, &bytes).await;
    let folder = server.copies();
    fs::write(folder.join("9.part"), b"half").unwrap();
    let server = server.restart().await;
    assert!(!folder.join("9.part").exists());
    let before = reads(&server).await;
    pull(&server, &path, &bytes).await;
    assert_eq!(reads(&server).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_decide_who_gets_a_copy() {
    let server = cached().await;
    let client = server.client();
    for bytes in [random(7005, 2 * MIB), random(7006, 1000)] {
        let digest = client.push_blob("mine", &bytes).await;
        let path = format!("/v2/mine/blobs/{digest}");
        pull(&server, &path, &bytes).await;
        pull(&server, &path, &bytes).await;
        client.get(&path.replace("mine", "other")).await.refused(404, "BLOB_UNKNOWN");
        let store = &server.database().store;
        let item = store.scrubs().get(&digest).await.unwrap().unwrap();
        assert!(store.blobs().quarantine(&item).await.unwrap());
        assert_eq!(client.get(&path).await.status, 503);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_space_means_pulls_without_copies() {
    let server =
        builder().await.cached().env("OPEN_REGISTRY_DATA_DIR_FREE", "1000000GiB").start().await;
    let bytes = random(7007, 2 * MIB);
    let digest = server.client().push_blob("full", &bytes).await;
    let path = format!("/v2/full/blobs/{digest}");
    for _ in 0..2 {
        pull(&server, &path, &bytes).await;
    }
    assert!(!copy(&server, &digest).exists());
    assert_eq!(server.metric("registry_blob_cache_fills_total", "refused").await, 2.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_is_evicted_for_others_and_comes_back() {
    let server = builder().await.cached().env("OPEN_REGISTRY_CACHE_SIZE", "10MiB").start().await;
    let layers: Vec<_> = (0..4).map(|n| random(7010 + n, 4 * MIB)).collect();
    for round in 0..2 {
        for bytes in &layers {
            let digest = server.client().push_blob("evict", bytes).await;
            pull(&server, &format!("/v2/evict/blobs/{digest}"), bytes).await;
        }
        let evicted = server.metric("registry_blob_cache_evictions_total", "").await;
        assert!(evicted >= 2.0, "{evicted} in round {round}");
        let held: u64 = fs::read_dir(server.copies())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(held <= 10 << 20, "{held}");
    }
}
