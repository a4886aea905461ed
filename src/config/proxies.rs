//! Who stands between clients and this server, and what is believed of it.

use super::error::ConfigError;
use super::network::Networks;
use super::read::{Group, Kind, Setting, Source, value};

const TRUSTED_PROXIES: Setting = Setting {
    env: "OPEN_REGISTRY_TRUSTED_PROXIES",
    kind: Kind::Value("NETWORKS"),
    default: None,
    help: "Addresses of proxies before this server, as in 10.0.0.0/8,fd00::/8. Only theirs are the X-Forwarded-For \
           and X-Forwarded-Proto that count. Each must replace what its client sent, or add to its end.",
};
const PROXY_PROTOCOL: Setting = Setting {
    env: "OPEN_REGISTRY_PROXY_PROTOCOL",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Expect a header of the PROXY protocol, version 2, on every connection from a trusted proxy.",
};

pub(super) const GROUP: Group =
    Group { title: "Proxies", settings: &[&TRUSTED_PROXIES, &PROXY_PROTOCOL] };

/// The proxies before this server.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Networks of the proxies whose headers are trusted.
    pub trusted: Networks,
    /// Whether their connections begin with a PROXY header.
    pub protocol: bool,
}

impl Proxies {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let trusted = source.read_optional(&TRUSTED_PROXIES, networks)?.unwrap_or_default();
        let protocol = source.read(&PROXY_PROTOCOL, value::switch)?;
        if protocol && trusted.is_empty() {
            let reason = format!("whose? Name the proxies with {}", TRUSTED_PROXIES.env);
            return Err(ConfigError::bad(PROXY_PROTOCOL.env, reason));
        }
        Ok(Self { trusted, protocol })
    }
}

fn networks(text: &str) -> Result<Networks, String> {
    let write = "not a list of networks; write 10.0.0.0/8,192.0.2.7,fd00::/8";
    text.parse().map_err(|_| write.to_owned())
}
