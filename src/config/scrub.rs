//! Settings of the scrub, which compares stored bytes with their digests.

use std::num::NonZeroU64;
use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};
use super::server_address::ServerAddress;

const RATE: Setting = Setting {
    env: "OPEN_REGISTRY_SCRUB_RATE",
    kind: Kind::Value("SIZE"),
    default: Some("4MiB"),
    help: "Bytes per second that the registry reads by itself to compare stored blobs with their digests; a quarter of it \
           while clients push or pull. At 4 MiB/s 10 TiB take 30 days. 0 turns this off.",
};
const AGE: Setting = Setting {
    env: "OPEN_REGISTRY_SCRUB_AGE",
    kind: Kind::Value("TIME"),
    default: Some("30d"),
    help: "How long after a blob was pushed or compared it is compared with its digest again. Blobs under quarantine are \
           looked at every ten minutes.",
};
const REPAIR_URL: Setting = Setting {
    env: "OPEN_REGISTRY_DFS_IPFS_REPAIR_URL",
    kind: Kind::Value("URL"),
    default: None,
    help: "Gateway of another IPFS node, such as http://kubo2:8080. The scrub takes blocks from it that are lost or damaged \
           here. Each block is compared with its CID, so the node need not be trusted.",
};

pub(super) const GROUP: Group = Group { title: "Scrub", settings: &[&RATE, &AGE, &REPAIR_URL] };

/// Settings of the scrub.
#[derive(Clone, Debug)]
pub struct Scrub {
    /// Most bytes that are read per second. `None` turns the scrub off.
    pub rate: Option<NonZeroU64>,
    /// How old the last comparison of a blob may become.
    pub age: Duration,
    /// Gateway of a node from which lost blocks are taken.
    pub repair: Option<ServerAddress>,
}

impl Scrub {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let rate = value::size_or_off(
            64 << 10..=1 << 40,
            "out of bounds; write at least 64KiB, or 0 to turn the scrub off",
        );
        Ok(Self {
            rate: NonZeroU64::new(source.read(&RATE, rate)?),
            age: source.read(&AGE, value::time)?,
            repair: source.read_optional(&REPAIR_URL, ServerAddress::parser(8080))?,
        })
    }
}
