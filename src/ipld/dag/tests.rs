//! Tests that compare trees with the CIDs that a real Kubo gave to the same bytes.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use super::{DagError, Leaf, Link, layout, parse_node, write_node};
use crate::ipld::profile::{LEAF_BYTES, MAX_LINKS};
use crate::ipld::{Cid, Codec};

const MIB: usize = LEAF_BYTES as usize;
/// Number of leaves after which the bytes of a test file repeat.
const PATTERN: usize = 7;

/// Leaf `i` is 1 MiB of the byte `i mod 7`. A last leaf of `extra` bytes follows the same rule.
fn leaves(mib: usize, extra: usize) -> Vec<Leaf> {
    let leaf = |i: usize, size: usize| {
        let block = vec![(i % PATTERN) as u8; size];
        Leaf { cid: Cid::of_block(Codec::Raw, &block), size: size as u64 }
    };
    let whole: Vec<Leaf> = (0..mib.min(PATTERN)).map(|i| leaf(i, MIB)).collect();
    let mut leaves: Vec<Leaf> = (0..mib).map(|i| whole[i % PATTERN]).collect();
    if extra > 0 {
        leaves.push(leaf(mib, extra));
    }
    leaves
}

/// MiB, extra bytes and CID, from `ipfs add -Q` of Kubo 0.43.0 after `ipfs config profile apply unixfs-v1-2025`.
const KUBO: [(usize, usize, &str); 12] = [
    (0, 0, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    (0, 5, "bafkreieikviivlpbn3cxhuq6njef37ikoysaqxa2cs26zxleqxpay2bzuq"),
    (1, 0, "bafkreibq4fevl27rgurgnxbp7adh42aqiyd6ouflxhj3gzmcxcxzbh6lla"),
    (1, 1, "bafybeiaomlonartwxzal4y3jecn5axopw3ip6ie37q33qlyuccqpfok7p4"),
    (2, 0, "bafybeigrx6mtmwoe7ttahpxciis72e6lnundhdgh3czrgoost2enpyoe2e"),
    (100, 0, "bafybeihznyl3xkdyi7csd4tnk4fi33edgchagaltakeww46qj7akcfybjy"),
    (100, 77, "bafybeidbw7zvypymeoonpef32lsfdga6rqjfudi5r76jeaxc66dh5eojji"),
    (1023, 0, "bafybeihhwif6e72zemrlo3w5tyglk6djxsbprrhpbuy7vhqmk7khetb6wi"),
    (1024, 0, "bafybeif5vnopmwtarsiaixscolyiddi7twqpcpiovq6jdszskv3lbns2mq"),
    (1025, 0, "bafybeieuuxelhvgvh7knwk7xy7fin3c6vhkekmwht3ydfrav7ogra65654"),
    (1026, 5, "bafybeiaclw2mg7q5ddcjbbrcdrwg2i6mqz4f375apxh7ipvgyliulujyi4"),
    (2049, 0, "bafybeibpdqzq2klqptcnexmtbuinwgblrsvg3stlbisq4ocxwbcyxem6zy"),
];

#[test]
fn a_composed_file_has_the_cid_that_kubo_gives_it() {
    for (mib, extra, cid) in KUBO {
        let layout = layout(&leaves(mib, extra));
        assert_eq!(layout.root.to_string(), cid, "{mib} MiB and {extra} bytes");
        assert!(layout.nodes.last().is_none_or(|node| node.cid == layout.root));
    }
}

#[test]
fn levels_are_added_when_a_node_is_full() {
    for (count, nodes) in [
        (0, 0),
        (1, 0),
        (2, 1),
        (1023, 1),
        (1024, 1),
        (1025, 3),
        (2049, 4),
        (MAX_LINKS * MAX_LINKS, 1025),
        (MAX_LINKS * MAX_LINKS + 1, 1025 + 1 + 1 + 1),
    ] {
        assert_eq!(layout(&leaves(count, 0)).nodes.len(), nodes, "{count} leaves");
    }
}

#[test]
fn children_come_before_their_parents() {
    let leaves = leaves(2 * MAX_LINKS + 1, 77);
    let layout = layout(&leaves);
    let mut seen = Vec::new();
    let mut bottom = Vec::new();
    for node in &layout.nodes {
        assert_eq!(node.cid, Cid::of_block(Codec::DagPb, &node.bytes));
        for link in parse_node(&node.bytes).unwrap() {
            match link.cid.codec() {
                Codec::Raw => bottom.push(Leaf { cid: link.cid, size: link.size }),
                Codec::DagPb => assert!(seen.contains(&link.cid)),
            }
        }
        seen.push(node.cid);
    }
    assert_eq!(bottom, leaves);
}

#[test]
fn a_full_node_stays_far_below_the_limit_of_a_block() {
    let link = Link { cid: Cid::new(Codec::DagPb, [7; 32]), size: 1 << 40, total: 1 << 41 };
    let (node, above) = write_node(&vec![link; MAX_LINKS]);
    assert!(node.bytes.len() < 64 << 10, "{}", node.bytes.len());
    assert_eq!(above.size, (MAX_LINKS as u64) << 40);
    assert_eq!(above.total, ((MAX_LINKS as u64) << 41) + node.bytes.len() as u64);
}

#[test]
fn other_forms_of_a_node_are_refused() {
    let child = Link { cid: Cid::new(Codec::Raw, [1; 32]), size: 5, total: 5 };
    let good = write_node(&[child, child]).0.bytes;
    let edit = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).rposition(|w| w == from).unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat()
    };
    let directory = edit(&[0x08, 0x02], &[0x08, 0x01]);
    let version_0 = edit(&[0x01, 0x55], &[0x01, 0x71]);
    let wrong_size = edit(&[0x18, 10], &[0x18, 11]);
    let one_size_less = edit(
        &[0x0a, 8, 0x08, 2, 0x18, 10, 0x20, 5, 0x20, 5],
        &[0x0a, 6, 0x08, 2, 0x18, 5, 0x20, 5],
    );
    let one_size_more = edit(
        &[0x0a, 8, 0x08, 2, 0x18, 10, 0x20, 5, 0x20, 5],
        &[0x0a, 10, 0x08, 2, 0x18, 15, 0x20, 5, 0x20, 5, 0x20, 5],
    );
    let trailing = [&good[..], &[0]].concat();
    for (bytes, error) in [
        (&[][..], DagError::Cut),
        (&good[..good.len() - 1], DagError::Cut),
        (&[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f], DagError::Cut),
        (&trailing, DagError::Field),
        (&directory, DagError::Field),
        (&version_0, DagError::Cid),
        (&wrong_size, DagError::Sizes),
        (&one_size_less, DagError::Sizes),
        (&one_size_more, DagError::Sizes),
        (b"\x0a\x02\x08\x01", DagError::Field),
    ] {
        assert_eq!(parse_node(bytes), Err(error), "{bytes:02x?}");
    }
}

/// No writer makes such a node, since its parent could not hold its total.
#[test]
fn totals_beyond_64_bits_are_refused() {
    let child = Link { cid: Cid::new(Codec::Raw, [1; 32]), size: 5, total: 1 << 62 };
    let mut bytes = write_node(&[child; 3]).0.bytes.to_vec();
    let last = [&[0x80; 8][..], &[0x40]].concat();
    while let Some(at) = bytes.windows(9).position(|window| window == last) {
        bytes[at + 8] = 0x7f;
    }
    assert_eq!(parse_node(&bytes), Err(DagError::Sizes));
}

/// Links whose sizes do not overflow when they are added.
fn links() -> impl Strategy<Value = Vec<Link>> {
    let codec = prop_oneof![Just(Codec::Raw), Just(Codec::DagPb)];
    let link = (codec, any::<[u8; 32]>(), 0u64..1 << 50, 0u64..1 << 50)
        .prop_map(|(codec, hash, size, total)| Link { cid: Cid::new(codec, hash), size, total });
    prop::collection::vec(link, 0..40)
}

proptest! {
    #[test]
    fn written_nodes_parse_to_the_same_links(links in links()) {
        assert_eq!(parse_node(&write_node(&links).0.bytes).unwrap(), links);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_node(&bytes);
    }

    /// A node that the parser accepts after a random edit is still in canonical form.
    #[test]
    fn accepted_nodes_are_canonical(
        links in links(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = write_node(&links).0.bytes.to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        if let Ok(links) = parse_node(&bytes) {
            assert_eq!(write_node(&links).0.bytes, bytes);
        }
    }
}
