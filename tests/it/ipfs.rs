//! The client of Kubo, with a real Kubo.

use std::io::Write;
use std::time::{Duration, Instant};

use af_registry::config;
use af_registry::ipfs::{Block, IpfsError, Kubo, ReadBody};
use af_registry::ipld::dag;
use af_registry::ipld::dag::Leaf;
use af_registry::ipld::{Cid, Codec};
use af_registry::oci::Algorithm;
use af_registry::outbound::WAITING;
use af_registry::stream::hashing::Hasher;
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use crate::rig;
use crate::rig::kubo::Node;

const MIB: usize = 1 << 20;
/// Time for an error that does not depend on a time limit.
const PROMPT: Duration = Duration::from_secs(5);

/// Makes `len` pseudo-random bytes, which differ for each seed.
fn bytes(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).to_le_bytes()
    });
    let mut bytes: Vec<u8> = words.take(len.div_ceil(8)).flatten().collect();
    bytes.truncate(len);
    bytes.into()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(bytes);
    hasher.finish().hash().try_into().unwrap()
}

/// The CID that a file with these bytes must have.
fn cid_of(bytes: &[u8]) -> Cid {
    let leaf =
        |chunk: &[u8]| Leaf { cid: Cid::new(Codec::Raw, sha256(chunk)), size: chunk.len() as u64 };
    dag::layout(&bytes.chunks(MIB).map(leaf).collect::<Vec<_>>()).root
}

async fn add(kubo: &Kubo, content: &Bytes) -> Result<Cid, IpfsError> {
    let mut add = kubo.begin_add().await?;
    for at in (0..content.len()).step_by(400_000) {
        add.send(content.slice(at..content.len().min(at + 400_000))).await?;
    }
    Ok(add.finish().await?.cid)
}

/// Stores a leaf.
async fn put(kubo: &Kubo, frames: Vec<Bytes>) -> Result<Cid, IpfsError> {
    let block = Block::raw(frames);
    kubo.put(&block).await.map(|()| block.cid())
}

async fn collect(body: ReadBody) -> Result<Bytes, IpfsError> {
    body.collect().await.map(|body| body.to_bytes())
}

fn client(settings: &config::Kubo) -> Kubo {
    Kubo::new(settings).unwrap()
}

fn only_api(settings: &config::Kubo) -> Kubo {
    client(&config::Kubo { gateway: None, ..settings.clone() })
}

#[tokio::test]
async fn the_version_of_the_node_is_read() {
    let kubo = client(&rig::kubo().await);
    assert!(kubo.version().await.unwrap().starts_with("0."));
    kubo.ready().await.unwrap();
}

#[tokio::test]
async fn added_files_have_the_cid_of_the_profile() {
    let node = Node::start();
    let kubo = client(&node.settings);
    for len in [0, 1, MIB - 1, MIB, MIB + 1, 64 * MIB] {
        let content = bytes(1, len);
        let cid = add(&kubo, &content).await.unwrap();
        assert_eq!(cid, cid_of(&content), "{len} bytes");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&content).unwrap();
        assert_eq!(cid, node.add(file.path()), "{len} bytes");
        assert!(!node.pins().contains(&cid.to_string()), "{len} bytes");
    }
}

#[tokio::test]
async fn a_torn_add_leaves_no_pin() {
    torn_adds_leave_no_pin(&Node::start()).await;
}

/// A unix socket has no reset, so Kubo may store a part of the file.
#[tokio::test]
async fn a_torn_add_over_a_socket_leaves_no_pin() {
    torn_adds_leave_no_pin(&Node::on_sockets()).await;
}

async fn torn_adds_leave_no_pin(node: &Node) {
    let kubo = client(&node.settings);
    let before = node.pins();
    let content = bytes(2, 10 * MIB);
    for len in [0, 1, MIB, MIB + MIB / 2, 2 * MIB, 10 * MIB] {
        for pause in [0, 20, 300] {
            let mut add = kubo.begin_add().await.unwrap();
            for at in (0..len).step_by(100_000) {
                add.send(content.slice(at..len.min(at + 100_000))).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(pause)).await;
            drop(add);
        }
    }
    for round in 0..300 {
        let mut add = kubo.begin_add().await.unwrap();
        add.send(content.slice(..[1, 100, 5000, 100_000, MIB, MIB + 5][round % 6])).await.unwrap();
        drop(add);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.pins(), before);
}

#[tokio::test]
async fn a_node_on_sockets_stores_and_reads_as_any_other() {
    let node = Node::on_sockets();
    let content = bytes(17, 5 * MIB + 3);
    let size = content.len() as u64;
    for kubo in [client(&node.settings), only_api(&node.settings)] {
        kubo.ready().await.unwrap();
        let cid = add(&kubo, &content).await.unwrap();
        assert_eq!(cid, cid_of(&content));
        assert!(!node.is_pinned(&cid.to_string()));
        assert_eq!(collect(kubo.read(&cid, size, None).await.unwrap()).await.unwrap(), content);
        let part = kubo.read(&cid, size, Some(7..MIB as u64 + 9)).await.unwrap();
        assert_eq!(collect(part).await.unwrap(), content[7..MIB + 9]);
        kubo.examine(&cid, size).await.unwrap();
        kubo.pin(&cid).await.unwrap();
        assert!(node.is_pinned(&cid.to_string()));
        assert_eq!(kubo.unpin(&[cid]).await, Ok(true));
        assert!(!node.is_pinned(&cid.to_string()));
    }
}

#[tokio::test]
async fn a_file_composed_from_parts_is_the_file_that_kubo_would_add() {
    let node = Node::start();
    let kubo = client(&node.settings);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let (mut leaves, mut size) = (Vec::new(), 0);
    for (seed, len) in [(3, 64 * MIB), (4, 64 * MIB), (5, 10 * MIB + 5)] {
        let part = bytes(seed, len);
        file.write_all(&part).unwrap();
        let cid = add(&kubo, &part).await.unwrap();
        leaves.extend(kubo.leaves(&cid, len as u64).await.unwrap());
        size += len as u64;
    }
    let root = store(&kubo, &leaves).await;
    assert_eq!(root, node.add(file.path()));
    assert_eq!(kubo.leaves(&root, size).await.unwrap(), leaves);
    let content = std::fs::read(file.path()).unwrap();
    let border = 128 * MIB - 7..128 * MIB + 7;
    let range = border.start as u64..border.end as u64;
    for kubo in [kubo, only_api(&node.settings)] {
        let whole = kubo.read(&root, size, None).await.unwrap();
        assert!(collect(whole).await.unwrap() == content);
        let part = kubo.read(&root, size, Some(range.clone())).await.unwrap();
        assert_eq!(collect(part).await.unwrap(), content[border.clone()]);
    }
}

/// Stores the nodes over `leaves` and pins the root.
async fn store(kubo: &Kubo, leaves: &[Leaf]) -> Cid {
    let layout = dag::layout(leaves);
    for node in &layout.nodes {
        let block = Block::node(node);
        match node.cid == layout.root {
            true => kubo.put_pinned(&block).await.unwrap(),
            false => kubo.put(&block).await.unwrap(),
        }
    }
    layout.root
}

#[tokio::test]
async fn a_composed_file_may_have_more_leaves_than_a_node_has_links() {
    let node = Node::start();
    let kubo = client(&node.settings);
    let part = bytes(6, 64 * MIB);
    let tail = bytes(7, MIB);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut leaves = Vec::new();
    let cid = add(&kubo, &part).await.unwrap();
    let of_part = kubo.leaves(&cid, part.len() as u64).await.unwrap();
    for _ in 0..16 {
        file.write_all(&part).unwrap();
        leaves.extend(&of_part);
    }
    file.write_all(&tail).unwrap();
    let cid = add(&kubo, &tail).await.unwrap();
    leaves.extend(kubo.leaves(&cid, tail.len() as u64).await.unwrap());
    assert_eq!(leaves.len(), 1025);
    let root = store(&kubo, &leaves).await;
    assert_eq!(root, node.add(file.path()));
    assert_eq!(kubo.leaves(&root, 1025 * MIB as u64).await.unwrap(), leaves);
    let range = 1024 * MIB as u64 - 3..1025 * MIB as u64;
    let end = kubo.read(&root, 1025 * MIB as u64, Some(range)).await.unwrap();
    assert_eq!(collect(end).await.unwrap(), [&part[64 * MIB - 3..], &tail].concat());
}

#[tokio::test]
async fn small_blobs_become_one_raw_block() {
    let kubo = client(&rig::kubo().await);
    for len in [0, 1, 2000, MIB] {
        let content = bytes(8, len);
        let frames = content.chunks(300_000).map(|chunk| content.slice_ref(chunk)).collect();
        let cid = put(&kubo, frames).await.unwrap();
        assert_eq!(cid, Cid::new(Codec::Raw, sha256(&content)));
        assert_eq!(kubo.block(&cid).await.unwrap(), content);
        assert_eq!(kubo.leaves(&cid, len as u64).await.unwrap(), [Leaf { cid, size: len as u64 }]);
    }
}

#[tokio::test]
async fn reads_return_the_requested_bytes() {
    let settings = rig::kubo().await;
    let content = bytes(9, 5 * MIB + 77);
    let size = content.len() as u64;
    let cid = add(&client(&settings), &content).await.unwrap();
    let empty = put(&client(&settings), Vec::new()).await.unwrap();
    for kubo in [client(&settings), only_api(&settings)] {
        for range in [
            None,
            Some(0..size),
            Some(0..1),
            Some(size - 1..size),
            Some(MIB as u64 - 1..3 * MIB as u64 + 1),
            Some(5..5),
            Some(size - 5..size + 5),
        ] {
            let body = kubo.read(&cid, size, range.clone()).await.unwrap();
            let asked = range.clone().unwrap_or(0..size);
            let expected = &content[asked.start as usize..asked.end.min(size) as usize];
            assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
            assert!(collect(body).await.unwrap() == expected, "{range:?}");
        }
        let body = kubo.read(&empty, 0, None).await.unwrap();
        assert!(body.is_end_stream());
        assert_eq!(collect(body).await.unwrap(), "");
        // A wrong size is noticed before the first byte.
        let wrong = kubo.read(&cid, size + 1, None).await.err().unwrap();
        assert!(matches!(wrong, IpfsError::Broken(_)), "{wrong}");
    }
}

#[tokio::test]
async fn a_block_that_the_node_does_not_hold_is_missing() {
    let settings = rig::kubo().await;
    for codec in [Codec::Raw, Codec::DagPb] {
        let cid = Cid::new(codec, sha256(b"never stored"));
        let missing = Err(IpfsError::Missing(cid));
        for kubo in [client(&settings), only_api(&settings)] {
            assert_eq!(kubo.read(&cid, 5, None).await.map(drop), missing);
            assert_eq!(kubo.read(&cid, 5, Some(1..2)).await.map(drop), missing);
            assert_eq!(kubo.block(&cid).await.map(drop), missing);
            assert_eq!(kubo.pin(&cid).await, missing);
        }
    }
}

/// Damages a leaf of a file, reads the file through the gateway and through `cat`, and examines it.
async fn read_damaged(damage: impl Fn(&std::path::Path)) -> [Result<Bytes, IpfsError>; 3] {
    let node = Node::start();
    let content = bytes(10, 40 * MIB);
    let size = content.len() as u64;
    let kubo = client(&node.settings);
    let cid = add(&kubo, &content).await.unwrap();
    let leaves = kubo.leaves(&cid, size).await.unwrap();
    kubo.examine(&cid, size).await.unwrap();
    damage(&node.block_file(&leaves[20].cid));
    let began = Instant::now();
    let mut results = Vec::new();
    for kubo in [client(&node.settings), only_api(&node.settings)] {
        results.push(match kubo.read(&cid, size, None).await {
            Ok(body) => collect(body).await.inspect(|read| assert_eq!(read.len(), content.len())),
            Err(error) => Err(error),
        });
    }
    results.push(kubo.examine(&cid, size).await.map(|()| Bytes::new()));
    assert!(began.elapsed() < PROMPT);
    results.try_into().unwrap()
}

#[tokio::test]
async fn a_read_with_a_lost_block_fails() {
    let [by_gateway, by_cat, examined] =
        read_damaged(|block| std::fs::remove_file(block).unwrap()).await;
    // The gateway breaks the connection and gives no reason. Asked for the rest, it fails in one way or another.
    assert!(by_gateway.is_err(), "{by_gateway:?}");
    assert!(matches!(by_cat, Err(IpfsError::Broken(_))), "{by_cat:?}");
    assert!(matches!(examined, Err(IpfsError::Missing(_))), "{examined:?}");
}

#[tokio::test]
async fn a_read_with_a_truncated_block_fails() {
    let [by_gateway, by_cat, examined] = read_damaged(|block| {
        let content = std::fs::read(block).unwrap();
        std::fs::remove_file(block).unwrap();
        std::fs::write(block, &content[..1000]).unwrap();
    })
    .await;
    // The gateway breaks the connection too early. The digest of a whole file tells that its rest does not fit.
    assert!(by_gateway.is_err() || by_gateway != Ok(bytes(10, 40 * MIB)));
    assert!(matches!(by_cat, Err(IpfsError::Broken(_))), "{by_cat:?}");
    assert!(matches!(examined, Err(IpfsError::Broken(_))), "{examined:?}");
}

#[tokio::test]
async fn a_block_with_wrong_bytes_is_noticed() {
    let node = Node::start();
    let kubo = client(&node.settings);
    let cid = put(&kubo, vec![bytes(13, 1000)]).await.unwrap();
    let mut block = std::fs::read(node.block_file(&cid)).unwrap();
    block[77] ^= 1;
    std::fs::remove_file(node.block_file(&cid)).unwrap();
    std::fs::write(node.block_file(&cid), &block).unwrap();
    let error = kubo.block(&cid).await.unwrap_err();
    assert!(matches!(error, IpfsError::Broken(_)), "{error}");
}

#[tokio::test]
async fn pins_are_set_and_removed() {
    let node = Node::start();
    let kubo = client(&node.settings);
    let cid = add(&kubo, &bytes(11, 3 * MIB)).await.unwrap();
    let pinned = || node.pins().contains(&cid.to_string());
    assert!(!pinned());
    kubo.pin(&cid).await.unwrap();
    assert!(pinned());
    assert_eq!(kubo.is_pinned(&cid).await, Ok(true));
    assert_eq!(kubo.unpin(&[cid]).await, Ok(true));
    assert!(!pinned());
    assert_eq!(kubo.is_pinned(&cid).await, Ok(false));
    assert_eq!(kubo.unpin(&[cid]).await, Ok(false));
}

/// A part of a file has no digest, so nothing but Kubo can tell that its bytes are wrong.
#[tokio::test]
async fn a_part_with_a_truncated_block_fails() {
    let node = Node::start();
    let kubo = client(&node.settings);
    let content = bytes(14, 40 * MIB);
    let size = content.len() as u64;
    let cid = add(&kubo, &content).await.unwrap();
    let leaf = kubo.leaves(&cid, size).await.unwrap()[20].cid;
    let block = node.block_file(&leaf);
    let short = std::fs::read(&block).unwrap()[..1000].to_vec();
    std::fs::remove_file(&block).unwrap();
    std::fs::write(&block, short).unwrap();
    let part = kubo.read(&cid, size, Some(1..size)).await.unwrap();
    let error = collect(part).await.unwrap_err();
    assert!(matches!(error, IpfsError::Broken(_)), "{error:?}");
}

/// The ways in which a node goes away.
const SIGNALS: [&str; 2] = ["-KILL", "-TERM"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_wait_for_a_node_that_restarts() {
    let mut node = Node::start();
    let kubo = client(&node.settings);
    let content = bytes(15, 3 * MIB);
    let size = content.len() as u64;
    let cid = add(&kubo, &content).await.unwrap();
    for (round, signal) in SIGNALS.into_iter().enumerate() {
        node.end_by(signal);
        let began = Instant::now();
        assert!(matches!(kubo.ready().await, Err(IpfsError::Gone(_))));
        let told = kubo.unpin(&[cid]).await.unwrap_err();
        assert!(matches!(told.error, IpfsError::Gone(_)) && !told.doubtful, "{told:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "these do not wait");
        let calls: Vec<_> = (0..40)
            .map(|n| {
                let (kubo, content) = (kubo.clone(), content.clone());
                let fresh = bytes(1000 + n + 100 * round as u64, 500);
                tokio::spawn(async move {
                    match n % 8 {
                        0 => {
                            assert_eq!(collect(kubo.read(&cid, size, None).await?).await?, content)
                        }
                        1 => drop(collect(kubo.read(&cid, size, Some(5..9)).await?).await?),
                        2 => drop(put(&kubo, vec![fresh]).await?),
                        3 => drop(kubo.leaves(&cid, size).await?),
                        4 => drop(kubo.is_pinned(&cid).await?),
                        5 => drop(add(&kubo, &content.slice(..2 * MIB)).await?),
                        6 => kubo.put_pinned(&Block::raw(vec![fresh])).await?,
                        _ => kubo.examine(&cid, size).await?,
                    }
                    Ok::<_, IpfsError>(())
                })
            })
            .collect();
        node.resume();
        // On a busy machine the start may take longer than a call waits.
        let short = began.elapsed() < Duration::from_millis(3500);
        for call in calls {
            let result = call.await.unwrap();
            assert!(result.is_ok() || !short, "{result:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_goes_on_after_its_node_has_restarted() {
    let mut node = Node::start();
    let content = bytes(16, 64 * MIB);
    let size = content.len() as u64;
    let cid = add(&client(&node.settings), &content).await.unwrap();
    for signal in SIGNALS {
        let mut reads = Vec::new();
        for kubo in [client(&node.settings), only_api(&node.settings)] {
            for range in [None, Some(3..size - 3)] {
                let whole = range.clone().unwrap_or(0..size);
                let body = Box::pin(kubo.read(&cid, size, range).await.unwrap());
                reads.push((body, whole, BytesMut::new()));
            }
        }
        // The second pair of reads is not asked for bytes while the node is away, as by a client that has stopped reading.
        for (body, _, read) in &mut reads {
            read.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        node.end_by(signal);
        let stopped = reads.split_off(2);
        let going_on = tokio::spawn(async move {
            for read in &mut reads {
                drain(read).await;
            }
            reads
        });
        let began = Instant::now();
        node.resume();
        // On a busy machine the start may take longer than a read waits.
        let short = began.elapsed() < Duration::from_millis(3500);
        let reads = match going_on.await {
            Ok(reads) => reads,
            Err(error) if short => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Vec::new(),
        };
        for mut read in stopped {
            drain(&mut read).await;
            assert!(read.2 == content[read.1.start as usize..read.1.end as usize], "{signal}");
        }
        for (_, range, read) in reads {
            assert!(read == content[range.start as usize..range.end as usize], "{signal}");
        }
    }
}

async fn drain(
    (body, _, read): &mut (std::pin::Pin<Box<ReadBody>>, std::ops::Range<u64>, BytesMut),
) {
    while let Some(frame) = body.frame().await {
        read.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_calls_wait_for_a_node() {
    const BEYOND: usize = 100;
    let node = Node::start();
    let kubo = client(&node.settings);
    let cid = cid_of(b"x");
    node.end_by("-KILL");
    let calls: Vec<_> = (0..WAITING + BEYOND)
        .map(|_| {
            let kubo = kubo.clone();
            tokio::spawn(async move {
                let began = Instant::now();
                let error = kubo.block(&cid).await.unwrap_err();
                assert!(matches!(error, IpfsError::Gone(_)), "{error}");
                began.elapsed()
            })
        })
        .collect();
    let mut at_once = 0;
    for call in calls {
        let took = call.await.unwrap();
        assert!(took < Duration::from_secs(8), "{took:?}");
        at_once += usize::from(took < Duration::from_secs(3));
    }
    assert_eq!(at_once, BEYOND);
}

#[tokio::test]
async fn a_node_that_dies_is_noticed() {
    let mut node = Node::start();
    let kubo = client(&node.settings);
    let cat = only_api(&node.settings);
    let content = bytes(12, 64 * MIB);
    let size = content.len() as u64;
    let cid = add(&kubo, &content).await.unwrap();
    let mut sending = kubo.begin_add().await.unwrap();
    sending.send(content.slice(..3 * MIB)).await.unwrap();
    let mut waiting = kubo.begin_add().await.unwrap();
    waiting.send(content.slice(..MIB)).await.unwrap();
    let mut by_gateway = Box::pin(kubo.read(&cid, size, None).await.unwrap());
    let mut by_cat = Box::pin(cat.read(&cid, size, None).await.unwrap());
    by_gateway.frame().await.unwrap().unwrap();
    by_cat.frame().await.unwrap().unwrap();

    node.kill();
    let began = Instant::now();
    let mut sent = Ok(());
    while sent.is_ok() {
        sent = sending.send(content.slice(..MIB)).await;
    }
    let at_once =
        [sent.unwrap_err(), waiting.finish().await.unwrap_err(), kubo.ready().await.unwrap_err()];
    assert!(began.elapsed() < PROMPT);
    let began = Instant::now();
    let (by_gateway, by_cat, begun, read, block) = tokio::join!(
        by_gateway.collect(),
        by_cat.collect(),
        kubo.begin_add(),
        kubo.read(&cid, size, None),
        kubo.block(&cid),
    );
    let waited = began.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(7)).contains(&waited), "{waited:?}");
    let late = [
        by_gateway.map(drop).unwrap_err(),
        by_cat.map(drop).unwrap_err(),
        begun.err().unwrap(),
        read.err().unwrap(),
        block.unwrap_err(),
    ];
    for error in at_once.into_iter().chain(late) {
        assert!(matches!(error, IpfsError::Gone(_) | IpfsError::Unavailable(_)), "{error}");
    }
}
