//! Settings that bound what a client may do.

use std::time::Duration;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};

const HEADER_BYTES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_HEADER_BYTES",
    kind: Kind::Value("SIZE"),
    default: Some("64KiB"),
    help: "Largest head of a request: request line and headers.",
};
const HEADER_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_HEADER_TIME",
    kind: Kind::Value("TIME"),
    default: Some("10s"),
    help: "Longest time for the head of a request to arrive.",
};
const IDLE_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_IDLE_TIME",
    kind: Kind::Value("TIME"),
    default: Some("75s"),
    help: "Longest time that a connection stays open without a request.",
};
const BODY_STALL: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_BODY_STALL",
    kind: Kind::Value("TIME"),
    default: Some("60s"),
    help: "Longest time without progress in the body of a request or an answer.",
};
const BODY_RATE: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_BODY_RATE",
    kind: Kind::Value("SIZE"),
    default: Some("1KiB"),
    help: "Least bytes a second in the body of a request, averaged over a minute. 0 for no minimum.",
};
const CONNECTIONS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_CONNECTIONS",
    kind: Kind::Value("N"),
    default: Some("4096"),
    help: "Most client connections at the same time. Near it idle and slow ones give way; if none can, new ones get 503 or, under TLS, are closed.",
};
const ADDRESS_CONNECTIONS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_ADDRESS_CONNECTIONS",
    kind: Kind::Value("N"),
    default: Some("1024"),
    help: "Most connections at the same time from one address (IPv6: one /64). Trusted proxies have no such limit.",
};
const UPLOADS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_UPLOADS",
    kind: Kind::Value("N"),
    default: Some("64"),
    help: "Most blob uploads that transfer bytes at the same time. Further ones wait, then get 503.",
};
const ACCOUNT_UPLOADS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_ACCOUNT_UPLOADS",
    kind: Kind::Value("N"),
    default: None,
    help: "Most of these uploads of one account. Without it one account may use all of them while nobody else waits.",
};
const PULLS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_PULLS",
    kind: Kind::Value("N"),
    default: Some("2048"),
    help: "Most pulls of blobs that transfer bytes at the same time. Further ones wait, then get 503. While others wait, a \
           pull whose client takes nothing does not count.",
};
const ACCOUNT_PULLS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_ACCOUNT_PULLS",
    kind: Kind::Value("N"),
    default: None,
    help: "Most of these pulls of one account, or of one address that has not logged in. Without it one may use all of \
           them while nobody else waits. All machines of a fleet may share one account.",
};
const OPEN_UPLOADS: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_OPEN_UPLOADS",
    kind: Kind::Value("N"),
    default: Some("5000"),
    help: "Most unfinished uploads of one account. A further one gets 429. From half of them on, uploads that have been idle \
           for a 24th of OPEN_REGISTRY_UPLOAD_IDLE_TIME expire.",
};
const BLOB_BYTES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_BLOB_BYTES",
    kind: Kind::Value("SIZE"),
    default: None,
    help: "Largest blob that can be pushed. A larger one gets 413 as soon as its length is known. Without it there is no limit.",
};
const NAMESPACE_BYTES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_NAMESPACE_BYTES",
    kind: Kind::Value("SIZE"),
    default: None,
    help: "Most bytes in the blobs of one namespace, the first part of a repository's name. A blob counts once in each \
           repository. Pushes beyond it get 403. Each instance counts anew once a minute, so pushes at the same time may \
           exceed it. Without it there is no limit.",
};
const NAMESPACE_REPOSITORIES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_NAMESPACE_REPOSITORIES",
    kind: Kind::Value("N"),
    default: None,
    help: "Most repositories in one namespace, the first part of their names. A push that would begin another one gets 403. \
           Without it there is no limit.",
};
const MANIFEST_BYTES: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_MANIFEST_BYTES",
    kind: Kind::Value("SIZE"),
    default: Some("4MiB"),
    help: "Largest manifest that can be pushed.",
};
const PAGE_SIZE: Setting = Setting {
    env: "OPEN_REGISTRY_LIMIT_PAGE_SIZE",
    kind: Kind::Value("N"),
    default: Some("1000"),
    help: "Most entries in one page of a list of tags, repositories or referrers.",
};
const DRAIN_TIME: Setting = Setting {
    env: "OPEN_REGISTRY_DRAIN_TIME",
    kind: Kind::Value("TIME"),
    default: Some("60s"),
    help: "After SIGTERM, longest time for running requests to finish.",
};
const DRAIN_DELAY: Setting = Setting {
    env: "OPEN_REGISTRY_DRAIN_DELAY",
    kind: Kind::Value("TIME"),
    default: None,
    help: "After SIGTERM, time for which the port stays open while /readyz already answers 503, so that a balancer sends \
           new clients elsewhere first. Set it to the time in which yours notices: about two of its probes. Without it the \
           port closes at once.",
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
        &BODY_RATE,
        &CONNECTIONS,
        &ADDRESS_CONNECTIONS,
        &UPLOADS,
        &ACCOUNT_UPLOADS,
        &PULLS,
        &ACCOUNT_PULLS,
        &OPEN_UPLOADS,
        &BLOB_BYTES,
        &NAMESPACE_BYTES,
        &NAMESPACE_REPOSITORIES,
        &MANIFEST_BYTES,
        &PAGE_SIZE,
        &DRAIN_TIME,
        &DRAIN_DELAY,
        &UPLOAD_IDLE_TIME,
    ],
};

/// Bounds on what a client may do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest request head in bytes.
    pub header_bytes: usize,
    /// Longest time for a request head to arrive.
    pub header_time: Duration,
    /// Longest time that a connection stays open without a request.
    pub idle_time: Duration,
    /// Longest time without progress in a body.
    pub body_stall: Duration,
    /// Least bytes a second in the body of a request; 0 for no minimum.
    pub body_rate: u64,
    /// Most client connections at the same time.
    pub connections: usize,
    /// Most connections at the same time from one address.
    pub address_connections: usize,
    /// Most blob uploads that transfer bytes at the same time.
    pub uploads: usize,
    /// Most of these of one account.
    pub account_uploads: usize,
    /// Most pulls of blobs that transfer bytes at the same time.
    pub pulls: usize,
    /// Most of these of one account, or of one address without a login.
    pub account_pulls: usize,
    /// Most unfinished uploads of one account.
    pub open_uploads: u32,
    /// Largest blob in bytes.
    pub blob_bytes: Option<u64>,
    /// Most bytes in the blobs of one namespace.
    pub namespace_bytes: Option<u64>,
    /// Most repositories in one namespace.
    pub namespace_repositories: Option<u32>,
    /// Largest manifest in bytes.
    pub manifest_bytes: usize,
    /// After SIGTERM, longest time for running requests to finish.
    pub drain: Duration,
    /// Time after SIGTERM for which the port stays open while the server says that it is not ready.
    pub drain_delay: Duration,
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
            body_rate: source.read(&BODY_RATE, value::size(0..=1 << 30))? as u64,
            connections: source.read(&CONNECTIONS, value::count(1..=1_000_000))?,
            address_connections: source.read(&ADDRESS_CONNECTIONS, value::count(1..=1_000_000))?,
            uploads: source.read(&UPLOADS, value::count(1..=100_000))?,
            account_uploads: transfers(source, &ACCOUNT_UPLOADS)?,
            pulls: source.read(&PULLS, value::count(1..=1_000_000))?,
            account_pulls: transfers(source, &ACCOUNT_PULLS)?,
            open_uploads: source.read(&OPEN_UPLOADS, value::count(1..=1_000_000))?,
            blob_bytes: source.read_optional(&BLOB_BYTES, bytes)?,
            namespace_bytes: source.read_optional(&NAMESPACE_BYTES, bytes)?,
            namespace_repositories: source
                .read_optional(&NAMESPACE_REPOSITORIES, value::count(1..=1_000_000))?,
            manifest_bytes: source.read(&MANIFEST_BYTES, value::size(1 << 10..=64 << 20))?,
            drain: source.read(&DRAIN_TIME, value::time)?,
            drain_delay: source.read_optional(&DRAIN_DELAY, value::time)?.unwrap_or_default(),
            upload_idle: source.read(&UPLOAD_IDLE_TIME, value::time)?,
            page: source.read(&PAGE_SIZE, value::count(1..=100_000))?,
        })
    }
}

/// Most transfers of one account. As many as there may be, if the setting is absent.
fn transfers(source: &Source, setting: &Setting) -> Result<usize, ConfigError> {
    let most = source.read_optional(setting, value::count(1..=1_000_000))?;
    Ok(most.unwrap_or(usize::MAX))
}

/// A limit on stored bytes, up to 1 EiB.
fn bytes(text: &str) -> Result<u64, String> {
    value::size(1..=1 << 60)(text).map(|bytes| bytes as u64)
}
