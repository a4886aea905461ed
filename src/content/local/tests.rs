//! Reading trees that are made by hand, since a tree of two levels has over a GiB under the import profile.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Miss, Reader, Repository};
use crate::content::buffers::Buffers;
use crate::ipld::dag::{Link, Node, write_node};
use crate::ipld::{Cid, Codec};

/// A repository, and a file in it: two nodes below the root, with three leaves and two.
struct Rig {
    directory: TempDir,
    repository: Repository,
    leaves: Vec<Link>,
    nodes: [Node; 3],
}

const FILE: &[u8] = b"aaaabbbbccccddddee";

impl Rig {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("blocks")).unwrap();
        let sharding = directory.path().join("blocks/SHARDING");
        fs::write(sharding, "/repo/flatfs/shard/v1/next-to-last/2\n").unwrap();
        let repository = Repository::open(directory.path()).unwrap();
        let leaf = |bytes: &[u8]| {
            let (cid, size) = (Cid::of_block(Codec::Raw, bytes), bytes.len() as u64);
            Link { cid, size, total: size }
        };
        let leaves: Vec<_> = FILE.chunks(4).map(leaf).collect();
        let (left, left_link) = write_node(&leaves[..3]);
        let (right, right_link) = write_node(&leaves[3..]);
        let (root, _) = write_node(&[left_link, right_link]);
        let rig = Self { directory, repository, leaves, nodes: [root, left, right] };
        for node in &rig.nodes {
            rig.put(&node.cid, &node.bytes);
        }
        for (leaf, bytes) in rig.leaves.iter().zip(FILE.chunks(4)) {
            rig.put(&leaf.cid, bytes);
        }
        rig
    }

    fn file(&self, cid: &Cid) -> PathBuf {
        let name = data_encoding::BASE32_NOPAD.encode(&cid.to_bytes()[2..]);
        self.directory.path().join("blocks").join(&name[52..54]).join(name + ".data")
    }

    fn put(&self, cid: &Cid, bytes: &[u8]) {
        let file = self.file(cid);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn remove(&self, cid: &Cid) {
        fs::remove_file(self.file(cid)).unwrap();
    }

    async fn open(&self, range: std::ops::Range<u64>, verify: bool) -> Result<Reader, Miss> {
        Reader::open(
            &self.repository,
            &Buffers::default(),
            self.nodes[0].cid,
            FILE.len() as u64,
            range,
            verify,
        )
        .await
    }

    /// What is read before the end or a miss.
    async fn read(&self, range: std::ops::Range<u64>, verify: bool) -> (Vec<u8>, Option<Miss>) {
        let end = range.end;
        let mut reader = match self.open(range, verify).await {
            Ok(reader) => reader,
            Err(miss) => return (Vec::new(), Some(miss)),
        };
        let mut seen = Vec::new();
        while reader.at() < end {
            let (next, frame) = reader.next().await;
            reader = next;
            match frame {
                Ok(frame) => seen.extend_from_slice(&frame),
                Err(miss) => return (seen, Some(miss)),
            }
        }
        (seen, None)
    }
}

#[tokio::test]
async fn a_tree_of_two_levels_is_read_between_any_two_bytes() {
    let rig = Rig::new();
    for start in 0..FILE.len() {
        for end in start + 1..=FILE.len() {
            for verify in [false, true] {
                let (seen, miss) = rig.read(start as u64..end as u64, verify).await;
                assert!(miss.is_none() && seen == FILE[start..end], "{start}..{end}: {miss:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_single_leaf_is_a_file() {
    let rig = Rig::new();
    let leaf = rig.leaves[1];
    let reader =
        Reader::open(&rig.repository, &Buffers::default(), leaf.cid, leaf.size, 0..leaf.size, true)
            .await;
    assert_eq!(reader.unwrap().next().await.1.unwrap(), "bbbb");
}

#[tokio::test]
async fn a_missing_leaf_ends_the_read_where_it_begins() {
    let rig = Rig::new();
    rig.remove(&rig.leaves[3].cid);
    let (seen, miss) = rig.read(0..FILE.len() as u64, false).await;
    assert_eq!(seen, &FILE[..12]);
    assert!(matches!(miss, Some(Miss::Missing(cid)) if cid == rig.leaves[3].cid), "{miss:?}");
    assert_eq!(rig.read(0..12, true).await.0, &FILE[..12], "it is not needed for this range");
    rig.remove(&rig.nodes[1].cid);
    let fresh = Repository::open(rig.directory.path()).unwrap();
    let opened =
        Reader::open(&fresh, &Buffers::default(), rig.nodes[0].cid, FILE.len() as u64, 0..1, true)
            .await;
    assert!(matches!(opened.err(), Some(Miss::Missing(cid)) if cid == rig.nodes[1].cid));
}

#[tokio::test]
async fn a_damaged_leaf_is_found_in_a_range_before_a_byte_of_it_passes() {
    let rig = Rig::new();
    rig.put(&rig.leaves[1].cid, b"bbxb");
    let (seen, miss) = rig.read(2..FILE.len() as u64, true).await;
    assert_eq!(seen, &FILE[2..4]);
    assert!(miss.unwrap().fatal().is_some(), "Kubo would serve the damaged block");
    let (seen, miss) = rig.read(0..FILE.len() as u64, false).await;
    assert!(miss.is_none() && seen[4..8] == *b"bbxb", "the digest of a whole file tells");
}

#[tokio::test]
async fn a_block_of_another_length_is_left_to_kubo() {
    let rig = Rig::new();
    rig.put(&rig.leaves[0].cid, b"aaa");
    let (seen, miss) = rig.read(0..4, false).await;
    assert!(seen.is_empty() && miss.as_ref().unwrap().fatal().is_none(), "{miss:?}");
    assert!(matches!(miss, Some(Miss::Odd(..))));
}

#[tokio::test]
async fn a_damaged_node_is_fatal_and_not_remembered() {
    let rig = Rig::new();
    rig.put(&rig.nodes[2].cid, b"not this node");
    let (seen, miss) = rig.read(0..FILE.len() as u64, false).await;
    assert_eq!(seen, &FILE[..12]);
    assert!(matches!(miss, Some(Miss::Damaged(_))), "{miss:?}");
    rig.put(&rig.nodes[2].cid, &rig.nodes[2].bytes);
    assert_eq!(rig.read(0..FILE.len() as u64, false).await.0, FILE);
}

#[tokio::test]
async fn a_leaf_that_is_collected_while_it_is_read_stays_readable() {
    let rig = Rig::new();
    let reader = rig.open(0..4, false).await.unwrap();
    rig.remove(&rig.leaves[0].cid);
    assert_eq!(reader.next().await.1.unwrap(), "aaaa");
}
