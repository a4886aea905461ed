//! Measures the code that every byte of a layer goes through, and the making of the tree above it. Run:
//! `cargo bench --bench streams`.
//!
//! Hashing is measured twice: by criterion, and as a ratio to the bare digest of ring. For the ratio the two take turns,
//! so that other load slows both equally. A ratio under about 0.97 means a needless copy or call.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use af_registry::ipld::dag;
use af_registry::ipld::dag::{Layout, Leaf};
use af_registry::ipld::profile::LEAF_BYTES;
use af_registry::ipld::{Cid, Codec};
use af_registry::oci::{Algorithm, Digest};
use af_registry::stream::hashing::{Hasher, sha256};
use af_registry::stream::paced::Paced;
use af_registry::stream::verified::Verified;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body::{Body, Frame};
use ring::digest::{Context as Ring, SHA256};

/// Size of the frames that hyper reads into our buffers.
const FRAME: usize = 512 << 10;
/// Number of frames of the measured layer.
const FRAMES: usize = 32;
/// Number of measurements for the ratio.
const TURNS: usize = 15;

/// A layer in memory.
struct Layer(VecDeque<Bytes>);

impl Layer {
    /// Makes frames that share one buffer.
    fn new(frame: &Bytes) -> Self {
        Self((0..FRAMES).map(|_| frame.clone()).collect())
    }
}

impl Body for Layer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|frame| Ok(Frame::data(frame))))
    }
}

fn bare(frame: &Bytes) -> [u8; 32] {
    let mut ring = Ring::new(&SHA256);
    (0..FRAMES).for_each(|_| ring.update(black_box(frame)));
    let mut hash = [0; 32];
    hash.copy_from_slice(ring.finish().as_ref());
    hash
}

fn wrapped(frame: &Bytes) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    (0..FRAMES).for_each(|_| hasher.update(black_box(frame)));
    hasher.finish()
}

/// Reads the body of the answer to a pull, verified and paced. Returns the number of its bytes.
fn pulled(frame: &Bytes, digest: &Digest) -> usize {
    let size = (FRAMES * FRAME) as u64;
    let mut body =
        std::pin::pin!(Paced::new(Verified::new(Layer::new(frame), digest.clone(), size)));
    let mut cx = Context::from_waker(Waker::noop());
    let mut seen = 0;
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => seen += frame.data_ref().map_or(0, Bytes::len),
            Poll::Ready(None) => return seen,
            Poll::Ready(Some(Err(error))) => panic!("{error}"),
        }
    }
}

fn hashing(c: &mut Criterion) {
    let frame = Bytes::from(vec![7; FRAME]);
    let digest = wrapped(&frame);
    let mut group = c.benchmark_group("stream");
    group.throughput(Throughput::Bytes((FRAMES * FRAME) as u64)).sample_size(20);
    group.bench_function("ring", |b| b.iter(|| bare(&frame)));
    group.bench_function("hasher", |b| b.iter(|| wrapped(&frame)));
    group.bench_function("verified and paced", |b| b.iter(|| pulled(&frame, &digest)));
    group.finish();

    let mut hasher = ratios(|| _ = black_box(bare(&frame)), || _ = black_box(wrapped(&frame)));
    let mut verified =
        ratios(|| _ = black_box(bare(&frame)), || assert!(pulled(&frame, &digest) > 0));
    println!("throughput against ring: hasher {:.3}", median(&mut hasher));
    println!("throughput against ring: verified and paced {:.3}", median(&mut verified));
}

/// Prints how many times as fast as `plain` the other one is. The two take turns.
fn ratios(plain: impl Fn(), ours: impl Fn()) -> Vec<f64> {
    let time = |work: &dyn Fn()| -> Duration {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..TURNS).map(|_| time(&plain).as_secs_f64() / time(&ours).as_secs_f64()).collect()
}

fn median(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

fn leaves(count: u16) -> Vec<Leaf> {
    let leaf = |number: u16| {
        let mut hash = [0; 32];
        hash[..2].copy_from_slice(&number.to_be_bytes());
        Leaf { cid: Cid::new(Codec::Raw, hash), size: LEAF_BYTES }
    };
    (0..count).map(leaf).collect()
}

/// Parses every node of a tree from its root down, as a read of its leaves does, and counts the leaves.
fn walk(tree: &Layout) -> usize {
    let nodes: HashMap<Cid, &Bytes> =
        tree.nodes.iter().map(|node| (node.cid, &node.bytes)).collect();
    let (mut open, mut found) = (vec![tree.root], 0);
    while let Some(cid) = open.pop() {
        match nodes.get(&cid) {
            Some(block) => {
                let links = dag::parse_node(block).unwrap_or_default();
                open.extend(links.iter().map(|link| link.cid));
            }
            None => found += 1,
        }
    }
    found
}

/// The tree of a layer of 4 GiB: four nodes of 1024 links and a root. Also parses the root of one part.
fn trees(c: &mut Criterion) {
    let large = leaves(4096);
    c.bench_function("dag/layout of 4096 leaves", |b| b.iter(|| dag::layout(black_box(&large))));
    let tree = dag::layout(&large);
    c.bench_function("dag/walk to 4096 leaves", |b| b.iter(|| walk(black_box(&tree))));
    let part = dag::layout(&leaves(64));
    let Some(root) = part.nodes.last() else { return };
    c.bench_function("dag/parse of 64 links", |b| {
        b.iter(|| dag::parse_node(black_box(&root.bytes)))
    });
    let block = root.bytes.clone();
    c.bench_function("dag/hash of a part's root", |b| b.iter(|| sha256(black_box(&block))));
}

criterion_group!(benches, hashing, trees);
criterion_main!(benches);
