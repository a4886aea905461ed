//! Where the registry listens.

use std::net::IpAddr;

use super::error::ConfigError;
use super::setting::{Group, Kind, Setting};
use super::source::Source;
use super::value;

const HOST: Setting = Setting {
    env: "OPEN_REGISTRY_HOST",
    kind: Kind::Value("IP"),
    default: Some("127.0.0.1"),
    help: "Address to listen on. Any other than loopback needs OPEN_REGISTRY_INSECURE_ANONYMOUS=true.",
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
    help: "Name by which clients reach the registry, as in registry.example or registry.example:8443.",
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
    /// `host[:port]` that clients use, when it is not the address itself.
    pub domain: Option<String>,
}

impl Listen {
    pub(super) fn read(source: &Source, anonymous: bool) -> Result<Self, ConfigError> {
        let listen = Self {
            host: source.read(&HOST, value::ip)?,
            port: source.read(&PORT, value::count(0..=u16::MAX))?,
            metrics_host: source.read(&METRICS_HOST, value::ip)?,
            metrics_port: source.read(&METRICS_PORT, value::count(0..=u16::MAX))?,
            domain: source.read_optional(&DOMAIN, domain)?,
        };
        if !anonymous && !listen.host.to_canonical().is_loopback() {
            let reason = format!(
                "{} is not loopback and there is no login yet: whoever reaches it could read and write everything; \
                 listen on 127.0.0.1, or say so with OPEN_REGISTRY_INSECURE_ANONYMOUS=true",
                listen.host
            );
            return Err(ConfigError::bad(HOST.env, reason));
        }
        if listen.port != 0 && listen.port == listen.metrics_port && listen.hosts_overlap() {
            let reason = format!("{} is the port of the registry too; choose another", listen.port);
            return Err(ConfigError::bad(METRICS_PORT.env, reason));
        }
        Ok(listen)
    }

    fn hosts_overlap(&self) -> bool {
        self.host == self.metrics_host
            || self.host.is_unspecified()
            || self.metrics_host.is_unspecified()
    }
}

fn domain(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
    if text.chars().all(allowed) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("not a host name; write registry.example or registry.example:8443, without https://".into())
}
