//! Nodes of a file's tree. The input is parsed as a node, and it stands for the leaves that a tree is built over.
#![no_main]

use af_registry::ipld::dag::{Leaf, layout, parse_node, write_node};
use af_registry::ipld::profile::{LEAF_BYTES, MAX_LINKS};
use af_registry::ipld::{Cid, Codec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(links) = parse_node(input) {
        assert!(links.len() * Cid::BYTES <= input.len());
        let (node, above) = write_node(&links);
        assert_eq!(node.bytes, input);
        assert_eq!(above.size, links.iter().map(|link| link.size).sum::<u64>());
    }
    tree(input);
});

/// Builds a tree and checks that parsing it yields the same leaves in order. Each byte of the input becomes a leaf; the
/// leaves of a short input are repeated, so that some trees have two levels.
fn tree(input: &[u8]) {
    let copies = if input.len() < 8 { 400 } else { 1 };
    let leaf = |byte: &u8| Leaf {
        cid: Cid::new(Codec::Raw, [*byte; 32]),
        size: LEAF_BYTES >> (byte % 24),
    };
    let leaves: Vec<Leaf> =
        input.iter().flat_map(|byte| std::iter::repeat_n(leaf(byte), copies)).collect();
    let tree = layout(&leaves);
    let mut found = Vec::new();
    for node in &tree.nodes {
        let links = parse_node(&node.bytes).expect("what was written");
        assert!((1..=MAX_LINKS).contains(&links.len()));
        let raw = links.iter().filter(|link| link.cid.codec() == Codec::Raw);
        found.extend(raw.map(|link| Leaf { cid: link.cid, size: link.size }));
    }
    match tree.nodes.last() {
        Some(root) => assert_eq!((root.cid, found), (tree.root, leaves)),
        None => assert!(leaves.len() <= 1 && tree.root.codec() == Codec::Raw),
    }
}
