//! Settings of the garbage collection of Kubo.

use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const GC: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_GC",
    kind: Kind::Switch,
    default: None,
    help: "Whether the registry removes from Kubo what no image needs (`repo gc`). true for your own Kubo only if no other \
           program uses it and its daemon runs without --enable-gc. Then whole blobs are pinned, and otherwise every part of \
           an upload is as well. A private Kubo is always collected by the registry.",
};
const GC_PERIOD: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_GC_PERIOD",
    kind: Kind::Value("TIME"),
    default: Some("1h"),
    help: "Time between two collections. A collection compares the pins of Kubo with what is stored here, and then removes \
           what no image needs. Pushes wait meanwhile.",
};
const STORAGE_MAX: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_STORAGE_MAX",
    kind: Kind::Value("SIZE"),
    default: Some("100GiB"),
    help: "Size that the repository of Kubo should not exceed. Near it a collection no longer waits for a quiet moment. It is \
           no limit on what can be pushed.",
};
const GC_WATERMARK: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_GC_WATERMARK",
    kind: Kind::Value("PERCENT"),
    default: Some("90"),
    help: "Percentage of OPEN_REGISTRY_DFS_IPFS_STORAGE_MAX from which on a collection waits for nothing.",
};

pub(super) const GROUP: Group = Group {
    title: "Garbage collection",
    settings: &[&GC, &GC_PERIOD, &STORAGE_MAX, &GC_WATERMARK],
};

/// When the garbage of Kubo is collected, and by whom.
#[derive(Clone, Debug)]
pub struct Collection {
    /// Whether the registry collects an external Kubo, and nobody else does.
    pub external: bool,
    /// Time between two collections.
    pub period: Duration,
    /// Bytes in Kubo's repository from which on a collection waits for nothing.
    pub pressing_bytes: u64,
}

impl Collection {
    /// Reads them beside a Kubo that belongs to an IPFS Cluster, or beside another.
    pub(super) fn read(source: &Source, clustered: bool) -> Result<Self, ConfigError> {
        let most = source.read(&STORAGE_MAX, value::size(1 << 20..=1 << 60))? as u64;
        let watermark: u64 = source.read(&GC_WATERMARK, value::count(1..=100))?;
        let external = source.read_optional(&GC, value::switch)?.unwrap_or(false);
        if external && clustered {
            let reason = "`true`, but the Kubo belongs to an IPFS Cluster, whose nodes get their pins a while after a push, so \
                          a collection could remove what was just pushed; remove the setting";
            return Err(ConfigError::bad(GC.env, reason));
        }
        Ok(Self {
            external,
            period: source.read(&GC_PERIOD, value::time)?,
            pressing_bytes: most / 100 * watermark,
        })
    }
}
