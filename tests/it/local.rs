//! Blobs that are read from the files of Kubo's repository, and what happens when those are not as expected.

use std::path::Path;
use std::time::{Duration, Instant};

use af_registry::ipld::Cid;
use bytes::Bytes;

use crate::rig::client::{Client, nothing, random, request};
use crate::rig::kubo::Node;
use crate::rig::program::scratch;
use crate::rig::server::{Builder, Server, builder};

const MIB: usize = 1 << 20;

/// Ends a test that hangs. No assertion depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

const SETTING: &str = "OPEN_REGISTRY_DFS_IPFS_REPO_DIR";

/// A server that reads from the repository in this directory.
async fn reading(node: &Node, directory: &str) -> Server {
    builder().await.on(node).env(SETTING, directory).start().await
}

async fn reads(server: &Server, source: &str) -> f64 {
    server.metric(&format!("registry_origin_reads_total{{source=\"{source}\""), "").await
}

async fn blob_reads(server: &Server, source: &str) -> f64 {
    server.metric(&format!("registry_blob_reads_total{{source=\"{source}\""), "").await
}

fn leaf(node: &Node, bytes: &[u8]) -> Cid {
    node.cid_of(bytes).parse().unwrap()
}

/// Changes one byte of a block.
fn flip(node: &Node, cid: &Cid) {
    let file = node.block_file(cid);
    let mut block = std::fs::read(&file).unwrap();
    block[77] ^= 1;
    std::fs::write(&file, block).unwrap();
}

/// A copy of the blocks of a repository, without one of them.
fn copy_without(node: &Node, to: &Path, missing: &Cid) {
    let from = Path::new(node.repository()).join("blocks");
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
    let file = node.block_file(missing);
    let below = file.strip_prefix(node.repository()).unwrap();
    std::fs::remove_file(to.join(below)).unwrap();
}

async fn in_quarantine(client: Client, path: &str) {
    let began = Instant::now();
    while client.head(path).await.status != 404 {
        assert!(began.elapsed() < PATIENCE, "no quarantine");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn whole_blobs_and_ranges_come_from_the_files() {
    let node = Node::start();
    let server = reading(&node, node.repository()).await;
    let client = server.client();
    let mut expected = 0.0;
    for (seed, size) in [1, MIB, MIB + 1, 3 * MIB + 5].into_iter().enumerate() {
        let bytes = random(7100 + seed as u64, size);
        let path = format!("/v2/local/blobs/{}", client.push_blob("local", &bytes).await);
        assert!(client.get(&path).await.expect(200).body == bytes);
        expected += 1.0;
        for (first, last) in
            [(0, 0), (size / 2, size - 1), (size / 3, size / 2), (size - 1, size - 1)]
        {
            let range = format!("bytes={first}-{last}");
            let answer = client.get_with(&path, &[("range", &range)]).await.expect(206);
            assert!(answer.body == bytes[first..=last], "{range} of {size}");
            expected += 1.0;
        }
    }
    assert_eq!(reads(&server, "local").await, expected);
    assert_eq!(reads(&server, "gateway").await + reads(&server, "cat").await, 0.0);
}

#[tokio::test]
async fn what_the_files_lack_comes_through_kubo() {
    let (node, directory) = (Node::start(), scratch());
    let bytes = random(7110, 4 * MIB);
    let pushing = builder().await.on(&node).start().await;
    let path = format!("/v2/local/blobs/{}", pushing.client().push_blob("local", &bytes).await);
    copy_without(&node, directory.path(), &leaf(&node, &bytes[2 * MIB..3 * MIB]));
    let settings = directory.path().to_str().unwrap();
    for gateway in [true, false] {
        let reader = Builder::beside(&pushing).env(SETTING, settings);
        let reader = if gateway { reader } else { reader.without_gateway() };
        let server = reader.start().await;
        let client = server.client();
        assert!(client.get(&path).await.expect(200).body == bytes);
        let range = client.get_with(&path, &[("range", "bytes=1-3000000")]).await.expect(206);
        assert!(range.body == bytes[1..=3_000_000]);
        let source = if gateway { "gateway" } else { "cat" };
        assert_eq!((reads(&server, "local").await, reads(&server, source).await), (2.0, 2.0));
        assert_eq!(
            server.metric("registry_local_block_misses_total{reason=\"missing\"", "").await,
            2.0
        );
        server.logged("local_block_missed", |_| true).await;
        let log = server.log();
        let told = log.iter().filter(|line| line["event"] == "local_block_missed");
        assert_eq!(told.count(), 1, "one warning, however many misses");
    }
}

#[tokio::test]
async fn a_damaged_block_is_cut_and_its_blob_is_put_under_quarantine() {
    let node = Node::start();
    let server = reading(&node, node.repository()).await;
    let client = server.client();
    for (seed, range) in [(7120, None), (7121, Some("bytes=0-2000000"))] {
        let bytes = random(seed, 3 * MIB);
        let path = format!("/v2/local/blobs/{}", client.push_blob("local", &bytes).await);
        flip(&node, &leaf(&node, &bytes[MIB..2 * MIB]));
        let headers: Vec<_> = range.iter().map(|range| ("range", *range)).collect();
        let answer = client.try_send(request("GET", &path, &headers, nothing())).await.unwrap();
        assert!(answer.cut, "{}", answer.status);
        if range.is_some() {
            assert!(bytes.starts_with(&answer.body) && answer.body.len() <= MIB);
        }
        in_quarantine(client, &path).await;
    }
}

#[tokio::test]
async fn a_range_of_a_damaged_block_alone_has_no_bytes() {
    let node = Node::start();
    let server = reading(&node, node.repository()).await;
    let client = server.client();
    let bytes = random(7125, 2 * MIB);
    let path = format!("/v2/local/blobs/{}", client.push_blob("local", &bytes).await);
    flip(&node, &leaf(&node, &bytes[MIB..]));
    let range = [("range", "bytes=1048600-1048700")];
    let answer = client.try_send(request("GET", &path, &range, nothing())).await.unwrap();
    assert!(answer.status.is_server_error(), "{}", answer.status);
    in_quarantine(client, &path).await;
}

/// A server that also remembers the checksums of what it has read.
async fn remembering(node: &Node) -> Server {
    builder().await.on(node).cached().env(SETTING, node.repository()).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_is_hashed_once_for_all_and_has_no_copy() {
    let node = Node::start();
    let server = remembering(&node).await;
    let client = server.client();
    for (seed, size) in [(7150, MIB), (7151, 70_000), (7152, 9 * MIB + 5)] {
        let bytes = random(seed, size);
        let path = format!("/v2/local/blobs/{}", client.push_blob("local", &bytes).await);
        let hashed = reads(&server, "local").await;
        let pull = |bytes: Bytes, path: String| async move {
            assert!(client.get(&path).await.expect(200).body == bytes);
        };
        let pulls: Vec<_> =
            (0..8).map(|_| tokio::spawn(pull(bytes.clone(), path.clone()))).collect();
        for pull in pulls {
            pull.await.unwrap();
        }
        let known = blob_reads(&server, "blocks").await;
        for (first, last) in [(0, 0), (size / 3, size - 2), (size - 1, size - 1)] {
            let range = format!("bytes={first}-{last}");
            let answer = client.get_with(&path, &[("range", &range)]).await.expect(206);
            assert!(answer.body == bytes[first..=last], "{range} of {size}");
        }
        assert_eq!(blob_reads(&server, "blocks").await, known + 3.0);
        assert_eq!(reads(&server, "local").await, hashed + 1.0);
    }
    assert_eq!(server.metric("registry_blob_cache_entries", "").await, 0.0);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_counted_and_its_layer_comes_through_kubo() {
    let (node, directory) = (Node::start(), scratch());
    let pushing = builder().await.on(&node).start().await;
    // A directory of the length of the leaf takes its place: it can be looked at and opened, and not be read.
    let odd = directory.path().join("odd");
    std::fs::create_dir(&odd).unwrap();
    let length = std::fs::metadata(&odd).unwrap().len();
    let bytes = random(7155, MIB + usize::try_from(length).unwrap());
    let path = format!("/v2/local/blobs/{}", pushing.client().push_blob("local", &bytes).await);
    let last = leaf(&node, &bytes[MIB..]);
    copy_without(&node, directory.path(), &last);
    let file = node.block_file(&last);
    std::fs::rename(odd, directory.path().join(file.strip_prefix(node.repository()).unwrap()))
        .unwrap();
    let settings = directory.path().to_str().unwrap();
    let server = Builder::beside(&pushing).cached().env(SETTING, settings).start().await;
    assert!(server.client().get(&path).await.expect(200).body == bytes);
    assert_eq!(server.metric("registry_blob_cache_fills_total", "unread").await, 1.0);
    assert_eq!(server.metric("registry_blob_cache_fills_total", "refused").await, 0.0);
}

#[tokio::test]
async fn a_block_that_is_damaged_after_the_first_pull_cuts_the_next() {
    let node = Node::start();
    let server = remembering(&node).await;
    let client = server.client();
    let bytes = random(7160, 3 * MIB);
    let path = format!("/v2/local/blobs/{}", client.push_blob("local", &bytes).await);
    assert!(client.get(&path).await.expect(200).body == bytes);
    flip(&node, &leaf(&node, &bytes[MIB..2 * MIB]));
    let answer = client.try_send(request("GET", &path, &[], nothing())).await.unwrap();
    assert!(answer.cut, "{}", answer.status);
    in_quarantine(client, &path).await;
    client.push_blob("local", &bytes).await;
    assert!(client.get(&path).await.expect(200).body == bytes);
}

#[tokio::test]
async fn a_layer_whose_files_are_gone_comes_through_kubo_with_a_copy() {
    let (node, directory) = (Node::start(), scratch());
    let bytes = random(7165, 4 * MIB);
    let pushing = builder().await.on(&node).start().await;
    let path = format!("/v2/local/blobs/{}", pushing.client().push_blob("local", &bytes).await);
    let missing = leaf(&node, &bytes[2 * MIB..3 * MIB]);
    copy_without(&node, directory.path(), &missing);
    let settings = directory.path().to_str().unwrap();
    let server = Builder::beside(&pushing).cached().env(SETTING, settings).start().await;
    for source in ["filling", "copy"] {
        assert!(server.client().get(&path).await.expect(200).body == bytes);
        assert_eq!(blob_reads(&server, source).await, 1.0, "{source}");
    }
    assert_eq!(blob_reads(&server, "blocks").await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulls_beside_a_collection_are_whole_or_cut() {
    let node = Node::start();
    let server = reading(&node, node.repository()).await;
    let client = server.client();
    let bytes = random(7130, 6 * MIB);
    let path = format!("/v2/local/blobs/{}", client.push_blob("local", &bytes).await);
    node.unpin(&node.cid_of(&bytes));
    let pull = |bytes: Bytes, path: String| async move {
        let answer = client.try_send(request("GET", &path, &[], nothing())).await;
        if let Ok(answer) = answer.map(|answer| (answer.cut, answer.status, answer.body)) {
            assert!(answer.0 || answer.1 != 200 || answer.2 == bytes, "wrong bytes");
        }
    };
    let pulls: Vec<_> = (0..16).map(|_| tokio::spawn(pull(bytes.clone(), path.clone()))).collect();
    tokio::task::spawn_blocking(move || {
        node.collect();
        node
    })
    .await
    .unwrap();
    for pull in pulls {
        pull.await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_directory_is_told_at_start_and_by_doctor() {
    let (node, directory) = (Node::start(), scratch());
    let server = reading(&node, directory.path().to_str().unwrap()).await;
    let told = server.logged("local_blocks_unusable", |_| true).await;
    assert!(told.to_string().contains(SETTING), "{told}");
    let client = server.client();
    let bytes = random(7140, 5000);
    let path = format!("/v2/local/blobs/{}", client.push_blob("local", &bytes).await);
    assert!(client.get(&path).await.expect(200).body == bytes);
    assert_eq!(reads(&server, "gateway").await, 1.0);
    for (directory, says) in [
        (directory.path().to_str().unwrap(), "blocks cannot be read from the files in"),
        (node.repository(), "blocks can be read from the files in"),
    ] {
        let mut doctor = server.command(&["doctor"]);
        let output = doctor.env(SETTING, directory).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).replace(char::is_whitespace, " ");
        assert!(text.contains(says), "{text}");
    }
}
