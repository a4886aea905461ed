//! Bounds on what a client may cost.

use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const HEADER_BYTES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_HEADER_BYTES",
    kind: Kind::Value("SIZE"),
    default: Some("64KiB"),
    help: "Largest request head.",
};
const HEADER_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_HEADER_TIME",
    kind: Kind::Value("TIME"),
    default: Some("10s"),
    help: "Longest wait for a whole request head.",
};
const IDLE_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_IDLE_TIME",
    kind: Kind::Value("TIME"),
    default: Some("75s"),
    help: "How long a connection may stay open between requests.",
};
const BODY_STALL: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_BODY_STALL",
    kind: Kind::Value("TIME"),
    default: Some("60s"),
    help: "How long a body may stand still, in either direction.",
};
const CONNECTIONS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_CONNECTIONS",
    kind: Kind::Value("N"),
    default: Some("4096"),
    help: "Client connections at once; more wait to be accepted.",
};
const ADDRESS_CONNECTIONS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_ADDRESS_CONNECTIONS",
    kind: Kind::Value("N"),
    default: Some("1024"),
    help: "Connections at once from one address (IPv6: one /64). Trusted proxies have no such limit.",
};
const UPLOADS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_UPLOADS",
    kind: Kind::Value("N"),
    default: Some("64"),
    help: "Blob uploads whose bytes move at once; more are answered 503.",
};
const MANIFEST_BYTES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_MANIFEST_BYTES",
    kind: Kind::Value("SIZE"),
    default: Some("4MiB"),
    help: "Largest manifest.",
};
const PAGE_SIZE: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_PAGE_SIZE",
    kind: Kind::Value("N"),
    default: Some("1000"),
    help: "Most entries in one page of a list.",
};
const DRAIN_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_DRAIN_TIME",
    kind: Kind::Value("TIME"),
    default: Some("60s"),
    help: "How long accepted requests may take to finish after SIGTERM.",
};
const UPLOAD_IDLE_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_UPLOAD_IDLE_TIME",
    kind: Kind::Value("TIME"),
    default: Some("24h"),
    help: "How long an unfinished upload is kept after its last byte.",
};

pub(super) const GROUP: Group = Group {
    title: "Limits",
    settings: &[
        &HEADER_BYTES,
        &HEADER_TIME,
        &IDLE_TIME,
        &BODY_STALL,
        &CONNECTIONS,
        &ADDRESS_CONNECTIONS,
        &UPLOADS,
        &MANIFEST_BYTES,
        &PAGE_SIZE,
        &DRAIN_TIME,
        &UPLOAD_IDLE_TIME,
    ],
};

/// Bounds on sizes, times and counts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest request head in bytes.
    pub header_bytes: usize,
    /// Longest wait for a whole request head.
    pub header_time: Duration,
    /// How long a connection may stay open between requests.
    pub idle_time: Duration,
    /// How long a body may stand still.
    pub body_stall: Duration,
    /// Client connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub address_connections: usize,
    /// Blob uploads whose bytes move at once.
    pub uploads: usize,
    /// Largest manifest in bytes.
    pub manifest_bytes: usize,
    /// How long accepted requests may take to finish after SIGTERM.
    pub drain: Duration,
    /// How long an unfinished upload is kept after its last byte.
    pub upload_idle: Duration,
    /// Most entries in one page of a list.
    pub page: u32,
}

impl Limits {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        Ok(Self {
            // hyper refuses to buffer less than 8 KiB of a head.
            header_bytes: source.read(&HEADER_BYTES, value::size(8 << 10..=1 << 20))?,
            header_time: source.read(&HEADER_TIME, value::time)?,
            idle_time: source.read(&IDLE_TIME, value::time)?,
            body_stall: source.read(&BODY_STALL, value::time)?,
            connections: source.read(&CONNECTIONS, value::count(1..=1_000_000))?,
            address_connections: source.read(&ADDRESS_CONNECTIONS, value::count(1..=1_000_000))?,
            uploads: source.read(&UPLOADS, value::count(1..=100_000))?,
            manifest_bytes: source.read(&MANIFEST_BYTES, value::size(1 << 10..=64 << 20))?,
            drain: source.read(&DRAIN_TIME, value::time)?,
            upload_idle: source.read(&UPLOAD_IDLE_TIME, value::time)?,
            page: source.read(&PAGE_SIZE, value::count(1..=100_000))?,
        })
    }
}
