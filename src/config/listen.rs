//! Where the registry listens.

use std::net::IpAddr;

use super::error::ConfigError;
use super::host_port::HostPort;
use super::read::{Group, Kind, Setting, Source, value};

const HOST: Setting = Setting {
    env: "OPEN_REGISTRY_HOST",
    kind: Kind::Value("IP"),
    default: Some("127.0.0.1"),
    help: "Address to listen on. Clients of any other than loopback log in.",
};
const PORT: Setting = Setting {
    env: "OPEN_REGISTRY_PORT",
    kind: Kind::Value("PORT"),
    default: Some("5000"),
    help: "Port of the registry; 0 takes a free one.",
};
const DOMAIN: Setting = Setting {
    env: "OPEN_REGISTRY_DOMAIN",
    kind: Kind::Value("NAME"),
    default: None,
    help: "Name by which clients reach the registry, as in registry.example or registry.example:8443; with https:// \
           before it when something before the registry ends TLS. Without it a client's own word for it is taken.",
};
const METRICS_HOST: Setting = Setting {
    env: "OPEN_REGISTRY_METRICS_HOST",
    kind: Kind::Value("IP"),
    default: Some("127.0.0.1"),
    help: "Address of the metrics. They name no repository and no user.",
};
const METRICS_PORT: Setting = Setting {
    env: "OPEN_REGISTRY_METRICS_PORT",
    kind: Kind::Value("PORT"),
    default: Some("9464"),
    help: "Port of the metrics, GET /metrics; 0 takes a free one.",
};

pub(super) const GROUP: Group =
    Group { title: "Listening", settings: &[&HOST, &PORT, &DOMAIN, &METRICS_HOST, &METRICS_PORT] };

/// Addresses to bind, and the name clients know.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address of the registry.
    pub host: IpAddr,
    /// Port of the registry; 0 lets the system choose.
    pub port: u16,
    /// Address of the metrics.
    pub metrics_host: IpAddr,
    /// Port of the metrics; 0 lets the system choose.
    pub metrics_port: u16,
    /// What clients call us, when it is not the address itself.
    pub domain: Option<Domain>,
}

impl Listen {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let listen = Self {
            host: source.read(&HOST, value::ip)?,
            port: source.read(&PORT, value::count(0..=u16::MAX))?,
            metrics_host: source.read(&METRICS_HOST, value::ip)?,
            metrics_port: source.read(&METRICS_PORT, value::count(0..=u16::MAX))?,
            domain: source.read_optional(&DOMAIN, domain)?,
        };
        if listen.port != 0 && listen.port == listen.metrics_port && listen.hosts_overlap() {
            let reason = format!("{} is the port of the registry too; choose another", listen.port);
            return Err(ConfigError::bad(METRICS_PORT.env, reason));
        }
        Ok(listen)
    }

    /// Whether nobody but this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.host.to_canonical().is_loopback()
    }

    fn hosts_overlap(&self) -> bool {
        self.host == self.metrics_host
            || self.host.is_unspecified()
            || self.metrics_host.is_unspecified()
    }
}

/// The name by which clients reach the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// `host[:port]`.
    pub host: String,
    /// Whether by https, when the operator says so.
    pub https: Option<bool>,
}

fn domain(text: &str) -> Result<Domain, String> {
    let (https, host) = match text.split_once("://") {
        Some(("https", host)) => (Some(true), host),
        Some(("http", host)) => (Some(false), host),
        _ => (None, text),
    };
    // The name of an image holds no `_` in its host (distribution reference grammar), so no client could write it.
    if HostPort::parse(host).is_some() && !host.contains('_') {
        return Ok(Domain { host: host.to_ascii_lowercase(), https });
    }
    Err("not a host name; write registry.example or https://registry.example:8443".into())
}
