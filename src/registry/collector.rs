//! Who removes blocks from Kubo.

use crate::config::Config;

/// Who removes blocks from Kubo that no pin holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collector {
    /// Only the registry. It knows the open uploads and protects their blocks, so only whole blobs are pinned.
    Registry,
    /// Perhaps the node, at any time. Therefore every part of an upload is pinned.
    Node,
}

impl Collector {
    /// The registry collects a private Kubo, and another one if its operator says so.
    pub fn of(config: &Config) -> Self {
        let registry = config.kubo.is_none() || config.collection.external;
        if registry { Self::Registry } else { Self::Node }
    }
}
