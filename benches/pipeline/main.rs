//! Measures how many bytes a second go through the server's side of a push and of a pull, between memory and a mock Kubo,
//! without PostgreSQL and without a client. Run: `cargo bench --bench pipeline`.
//!
//! Each is measured twice: by criterion, and as a ratio to a bare connection to the same mock whose bytes are hashed by ring
//! and not parsed, which is the least that a verified transfer by one thread can take. For the ratio the two take turns, so
//! that other load slows both equally. A copy on the disk is not hashed when it is read, so it has no ratio. The mock runs in
//! the same process and has a part of the CPU.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod kubo;

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::time::{Duration, Instant};

use af_registry::content::{Content, Wanted};
use af_registry::ipfs::Kubo;
use af_registry::oci::{Algorithm, Digest};
use af_registry::stream::hashing::Hasher;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::BodyExt;
use kubo::{BYTE, Mock};
use ring::digest::{Context as Ring, SHA256};
use tokio::runtime::Runtime;

/// Size of the frames that hyper reads into our buffers.
const FRAME: usize = 512 << 10;
/// Size of the layer: one part of an upload.
const LAYER: usize = 64 << 20;
/// Number of measurements for a ratio.
const TURNS: usize = 9;

/// Hashes the frames of a layer and sends them to Kubo, as a push does.
async fn push(kubo: &Kubo, frame: &Bytes) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut add = kubo.begin_add().await.unwrap();
    for _ in 0..LAYER / FRAME {
        hasher.update(frame);
        add.send(frame.clone()).await.unwrap();
    }
    assert_eq!(add.finish().await.unwrap().cid, Mock::cid());
    hasher.finish()
}

/// Reads a layer as a pull does. Every byte is verified.
async fn pull(content: &Content, wanted: &Wanted) -> usize {
    let mut body = pin!(content.open(wanted, None).await.unwrap());
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        seen += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    assert_eq!(seen, LAYER);
    seen
}

/// Sends a layer to the mock over a bare connection, and hashes it.
fn bare_push(mock: Mock, frame: &Bytes) {
    let mut ring = Ring::new(&SHA256);
    let mut stream = TcpStream::connect(("127.0.0.1", mock.port)).unwrap();
    stream.write_all(b"POST /api/v0/add HTTP/1.1\r\n\r\n").unwrap();
    for _ in 0..LAYER / FRAME {
        ring.update(frame);
        stream.write_all(frame).unwrap();
    }
    stream.write_all(b"--\r\n\r\n0\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    black_box(ring.finish());
}

/// Reads a layer from the mock over a bare connection, and hashes it: through the gateway, or by `cat` with its chunks.
fn bare_pull(mock: Mock, gateway: bool) {
    let mut ring = Ring::new(&SHA256);
    let mut stream = TcpStream::connect(("127.0.0.1", mock.port)).unwrap();
    let line = if gateway { "GET /ipfs/x" } else { "POST /api/v0/cat" };
    stream.write_all(format!("{line} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let (mut buffer, mut seen) = (vec![0; FRAME], 0);
    while seen < LAYER {
        let read = stream.read(&mut buffer).unwrap();
        ring.update(&buffer[..read]);
        seen += read;
    }
    black_box(ring.finish());
}

fn pipelines(c: &mut Criterion) {
    let (runtime, mock) = (Runtime::new().unwrap(), Mock::start(LAYER));
    let frame = Bytes::from(vec![BYTE; FRAME]);
    let digest = runtime.block_on(push(&mock.client(true), &frame));
    let wanted = Wanted { cid: Mock::cid(), digest, size: LAYER as u64 };
    let folder = tempfile::tempdir().unwrap();
    let kubo = mock.client(true);
    let [gateway, cat] = [true, false].map(|gateway| Content::new(mock.client(gateway)));
    let copies = runtime
        .block_on(async { gateway.clone().caching(folder.path(), Some(4 * LAYER as u64), 0) })
        .unwrap();
    let send = || _ = black_box(runtime.block_on(push(&kubo, &frame)));
    let read = |content: &Content| _ = black_box(runtime.block_on(pull(content, &wanted)));

    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Bytes(LAYER as u64)).sample_size(10);
    group.bench_function("push", |b| b.iter(send));
    group.bench_function("pull through the gateway", |b| b.iter(|| read(&gateway)));
    group.bench_function("pull by cat", |b| b.iter(|| read(&cat)));
    group.bench_function("pull of a copy", |b| b.iter(|| read(&copies)));
    group.finish();

    tell("push", || bare_push(mock, &frame), send);
    tell("pull through the gateway", || bare_pull(mock, true), || read(&gateway));
    tell("pull by cat", || bare_pull(mock, false), || read(&cat));
}

/// Prints how many times as fast as the bare, hashed connection ours is. The two take turns.
fn tell(what: &str, bare: impl Fn(), ours: impl Fn()) {
    let time = |work: &dyn Fn()| -> Duration {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    let ratio = |_| time(&bare).as_secs_f64() / time(&ours).as_secs_f64();
    let mut ratios: Vec<f64> = (0..TURNS).map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    println!("throughput against a bare, hashed connection: {what} {:.3}", ratios[TURNS / 2]);
}

criterion_group!(benches, pipelines);
criterion_main!(benches);
