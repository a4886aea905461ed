//! Kubo's import profile `unixfs-v1-2025`: the settings that decide which CID a file gets.
//!
//! CIDv1, raw leaves of 1 MiB, a balanced tree, at most 1024 links a node (Kubo `docs/config.md`).

/// Bytes of a leaf. The last leaf of a file may have fewer.
pub const LEAF_BYTES: u64 = 1 << 20;

/// Largest number of links of one node.
pub const MAX_LINKS: usize = 1024;

/// Name of the chunker in Kubo's options and configuration. It cuts leaves of [`LEAF_BYTES`].
pub const CHUNKER: &str = "size-1048576";

#[cfg(test)]
mod tests {
    use super::{CHUNKER, LEAF_BYTES};

    #[test]
    fn the_chunker_cuts_leaves_of_the_profile() {
        assert_eq!(CHUNKER, format!("size-{LEAF_BYTES}"));
    }
}
