//! Nodes of a file's tree. The input is taken as a node, and as the leaves that a tree is made over.
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

/// The leaves under a tree that was made come back in order. A byte of the input is a leaf, and so many more like it
/// that some trees have two levels.
fn tree(input: &[u8]) {
    let copies = if input.len() < 8 { 400 } else { 1 };
    let leaf =
        |byte: &u8| Leaf { cid: Cid::new(Codec::Raw, [*byte; 32]), size: LEAF_BYTES >> (byte % 24) };
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
