//! Measures the pure functions that every request goes through. Run: `cargo bench --bench vocabulary`.

use std::hint::black_box;

use af_registry::http::route;
use af_registry::oci::{Algorithm, Digest, Manifest, Path, Reference, Selection};
use af_registry::stream::hashing::{Hasher, sha256};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hyper::{Method, Uri};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn digests(c: &mut Criterion) {
    c.bench_function("digest/parse", |b| b.iter(|| black_box(DIGEST).parse::<Digest>()));
    let mut group = c.benchmark_group("digest/hash");
    let frame = vec![7; 256 * 1024];
    group.throughput(Throughput::Bytes(frame.len() as u64));
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        group.bench_function(algorithm.as_str(), |b| {
            let mut hasher = Hasher::new(algorithm);
            b.iter(|| hasher.update(black_box(&frame)));
        });
    }
    group.finish();
}

fn references(c: &mut Criterion) {
    for (name, text) in [("reference/tag", "v1.2.3-alpine"), ("reference/digest", DIGEST)] {
        c.bench_function(name, |b| b.iter(|| black_box(text).parse::<Reference>()));
    }
}

/// The paths of the most frequent requests, as names of a repository, and as endpoints of a method.
fn paths(c: &mut Criterion) {
    let blob = format!("/v2/library/alpine/blobs/{DIGEST}");
    let upload = "/v2/library/alpine/blobs/uploads/67e55044-10b1-426f-9247-bb680e5fe0c8";
    let closing = format!("{upload}?digest={DIGEST}");
    for (name, method, target) in [
        ("blob", Method::GET, blob.as_str()),
        ("manifest", Method::GET, "/v2/library/alpine/manifests/latest"),
        ("upload", Method::PATCH, upload),
        ("end of an upload", Method::PUT, closing.as_str()),
    ] {
        let uri: Uri = target.parse().unwrap_or_default();
        c.bench_function(&format!("path/{name}"), |b| {
            b.iter(|| Path::parse(black_box(uri.path())));
        });
        assert!(route(&method, &uri).is_ok(), "{target}");
        c.bench_function(&format!("route/{name}"), |b| {
            b.iter(|| route(black_box(&method), black_box(&uri)));
        });
    }
}

fn ranges(c: &mut Criterion) {
    let specs: Vec<_> = (0..1024).map(|i| format!("{}-{}", i * 4096, i * 4096 + 1023)).collect();
    let many = format!("bytes={}", specs.join(","));
    c.bench_function("range/one", |b| {
        b.iter(|| Selection::parse(black_box("bytes=1024-"), 1 << 30));
    });
    c.bench_function("range/1024", |b| b.iter(|| Selection::parse(black_box(&many), 1 << 30)));
}

fn manifests(c: &mut Criterion) {
    let layer = |i: u32| {
        let digest = sha256(&i.to_be_bytes());
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{digest}","size":{i}}}"#
        )
    };
    let layers: Vec<_> = (0..40).map(layer).collect();
    let raw = Bytes::from(format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        layer(99),
        layers.join(",")
    ));
    let mut group = c.benchmark_group("manifest");
    group.throughput(Throughput::Bytes(raw.len() as u64));
    group.bench_function("40 layers", |b| b.iter(|| Manifest::parse(black_box(&raw), None)));
    group.finish();
}

criterion_group!(benches, digests, references, paths, ranges, manifests);
criterion_main!(benches);
