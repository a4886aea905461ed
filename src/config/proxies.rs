//! Settings of the proxies in front of this server.

use super::error::ConfigError;
use super::network::Networks;
use super::read::{Group, Kind, Setting, Source, value};

const TRUSTED_PROXIES: Setting = Setting {
    env: "OPEN_REGISTRY_TRUSTED_PROXIES",
    kind: Kind::Value("NETWORKS"),
    default: None,
    help: "Networks of the proxies in front of this server, such as 10.0.0.0/8,fd00::/8. X-Forwarded-For and \
           X-Forwarded-Proto are trusted only from there. Each proxy must replace these headers, or append to the end of \
           what its client sent. 0.0.0.0/0 and ::/0 are refused.",
};
const PROXY_PROTOCOL: Setting = Setting {
    env: "OPEN_REGISTRY_PROXY_PROTOCOL",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Expect a header of the PROXY protocol, version 2, at the start of each connection from a trusted proxy.",
};

pub(super) const GROUP: Group =
    Group { title: "Proxies", settings: &[&TRUSTED_PROXIES, &PROXY_PROTOCOL] };

/// The proxies in front of this server.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Networks whose forwarding headers are trusted.
    pub trusted: Networks,
    /// Whether connections from there begin with a PROXY header.
    pub protocol: bool,
}

impl Proxies {
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let trusted = source.read_optional(&TRUSTED_PROXIES, networks)?.unwrap_or_default();
        let protocol = source.read(&PROXY_PROTOCOL, value::switch)?;
        if protocol && trusted.is_empty() {
            let reason =
                format!("needs the networks of the proxies; set {} as well", TRUSTED_PROXIES.env);
            return Err(ConfigError::bad(PROXY_PROTOCOL.env, reason));
        }
        Ok(Self { trusted, protocol })
    }
}

fn networks(text: &str) -> Result<Networks, String> {
    let write = "not a list of networks; write 10.0.0.0/8,192.0.2.7,fd00::/8";
    let networks: Networks = text.parse().map_err(|_| write.to_owned())?;
    if networks.contain_everyone() {
        let reason = "every client would be a trusted proxy, and could claim any address; write the networks of the \
                      proxies, such as 10.0.0.0/8";
        return Err(reason.to_owned());
    }
    Ok(networks)
}
