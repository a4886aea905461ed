//! Settings of the addresses that the registry listens on.

use std::net::IpAddr;

use super::error::ConfigError;
use super::host_port::HostPort;
use super::read::{Group, Kind, Setting, Source, value};

const HOST: Setting = Setting {
    env: "OPEN_REGISTRY_HOST",
    kind: Kind::Value("IP"),
    default: Some("127.0.0.1"),
    help: "IP address to listen on. On an address that is not loopback clients must log in; see OPEN_REGISTRY_AUTH.",
};
const PORT: Setting = Setting {
    env: "OPEN_REGISTRY_PORT",
    kind: Kind::Value("PORT"),
    default: Some("5000"),
    help: "Port to listen on. 0 takes a free port.",
};
const DOMAIN: Setting = Setting {
    env: "OPEN_REGISTRY_DOMAIN",
    kind: Kind::Value("NAME"),
    default: None,
    help: "Host name that clients use for the registry, such as registry.example or registry.example:8443. Write \
           https:// before it if a proxy terminates TLS. Without it the registry takes the Host header of each request.",
};
const METRICS_HOST: Setting = Setting {
    env: "OPEN_REGISTRY_METRICS_HOST",
    kind: Kind::Value("IP"),
    default: Some("127.0.0.1"),
    help: "IP address of the metrics listener. Metrics name no user, and no repository unless \
           OPEN_REGISTRY_METRICS_REPOSITORIES says so.",
};
const METRICS_PORT: Setting = Setting {
    env: "OPEN_REGISTRY_METRICS_PORT",
    kind: Kind::Value("PORT"),
    default: Some("9464"),
    help: "Port of the metrics listener, which answers GET /metrics. 0 takes a free port.",
};

const METRICS: Setting = Setting {
    env: "OPEN_REGISTRY_METRICS",
    kind: Kind::Switch,
    default: Some("true"),
    help: "Gather metrics. false saves a few percent of the CPU time; the metrics listener then still answers health checks.",
};
const METRICS_REPOSITORIES: Setting = Setting {
    env: "OPEN_REGISTRY_METRICS_REPOSITORIES",
    kind: Kind::Value("COUNT"),
    default: Some("0"),
    help: "Number of repositories whose pushes and pulls the metrics count by name, 1000 at most. The first ones that are \
           used get a name, all others count as one. 0 counts none by name.",
};

pub(super) const GROUP: Group = Group {
    title: "Listening",
    settings: &[
        &HOST,
        &PORT,
        &DOMAIN,
        &METRICS,
        &METRICS_HOST,
        &METRICS_PORT,
        &METRICS_REPOSITORIES,
    ],
};

/// Addresses to listen on, and the name that clients use.
#[derive(Clone, Debug)]
pub struct Listen {
    /// IP address of the registry.
    pub host: IpAddr,
    /// Port of the registry. 0 takes a free port.
    pub port: u16,
    /// Whether metrics are gathered.
    pub metrics: bool,
    /// IP address of the metrics listener.
    pub metrics_host: IpAddr,
    /// Port of the metrics listener. 0 takes a free port.
    pub metrics_port: u16,
    /// Number of repositories that the metrics name.
    pub metrics_repositories: usize,
    /// Name that clients use, if it is set.
    pub domain: Option<Domain>,
}

impl Listen {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let listen = Self {
            host: source.read(&HOST, value::ip)?,
            port: source.read(&PORT, value::count(0..=u16::MAX))?,
            metrics: source.read(&METRICS, value::switch)?,
            metrics_host: source.read(&METRICS_HOST, value::ip)?,
            metrics_port: source.read(&METRICS_PORT, value::count(0..=u16::MAX))?,
            metrics_repositories: source
                .read(&METRICS_REPOSITORIES, value::count(0..=1000_usize))?,
            domain: source.read_optional(&DOMAIN, domain)?,
        };
        if listen.port != 0 && listen.port == listen.metrics_port && listen.hosts_overlap() {
            let reason =
                format!("{} is also the port of the registry; choose another one", listen.port);
            return Err(ConfigError::bad(METRICS_PORT.env, reason));
        }
        Ok(listen)
    }

    /// Whether only this machine can reach the registry.
    pub fn is_loopback(&self) -> bool {
        self.host.to_canonical().is_loopback()
    }

    fn hosts_overlap(&self) -> bool {
        self.host == self.metrics_host
            || self.host.is_unspecified()
            || self.metrics_host.is_unspecified()
    }
}

/// The name that clients use for the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Host with or without a port, in lower case.
    pub host: String,
    /// Whether clients use https, if the operator wrote a scheme.
    pub https: Option<bool>,
}

impl Domain {
    /// Whether it is a name of this machine only: `localhost` or a loopback address.
    pub(super) fn is_loopback(&self) -> bool {
        HostPort::parse(&self.host).is_some_and(HostPort::is_loopback)
    }
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
