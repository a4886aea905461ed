//! Who stands between clients and this server, and what is believed of it.

use std::net::IpAddr;

use super::error::ConfigError;
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
    trusted: Vec<Network>,
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

    /// These networks, written as the setting is.
    ///
    /// # Errors
    /// What is wrong, for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { trusted: networks(text)?, protocol: false })
    }

    /// Whether `address` is a proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.holds(address))
    }
}

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        let beyond = |most: u32| most - self.bits;
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = ours.to_bits() ^ theirs.to_bits();
                differ.checked_shr(beyond(u32::BITS)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = ours.to_bits() ^ theirs.to_bits();
                differ.checked_shr(beyond(u128::BITS)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

fn networks(text: &str) -> Result<Vec<Network>, String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(network).collect()
}

fn network(text: &str) -> Result<Network, String> {
    const WRITE: &str = "not a list of networks; write 10.0.0.0/8,192.0.2.7,fd00::/8";
    let (address, bits) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.parse().map_err(|_| WRITE.to_owned())?;
    let most = if address.is_ipv4() { u32::BITS } else { u128::BITS };
    let bits = if text.contains('/') { bits.parse().map_err(|_| WRITE)? } else { most };
    if bits > most {
        return Err(WRITE.to_owned());
    }
    Ok(Network { address, bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_all_addresses_that_begin_like_it() {
        let proxies = Proxies::parse("10.1.0.0/16, 192.0.2.7,fd00::/8").unwrap();
        let trusts = |text: &str| proxies.trusts(text.parse().unwrap());
        for ours in ["10.1.0.0", "10.1.255.255", "192.0.2.7", "fd12::1", "::ffff:10.1.2.3"] {
            assert!(trusts(ours), "{ours}");
        }
        for theirs in ["10.2.0.0", "192.0.2.8", "fe00::1", "::1", "::10.1.2.3"] {
            assert!(!trusts(theirs), "{theirs}");
        }
        assert!(Proxies::parse("0.0.0.0/0").unwrap().trusts("203.0.113.9".parse().unwrap()));
        assert!(!Proxies::parse("0.0.0.0/0").unwrap().trusts("::1".parse().unwrap()));
        assert!(Proxies::parse("::/0").unwrap().trusts("2001:db8::1".parse().unwrap()));
        assert!(!Proxies::parse("").unwrap().trusts("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in
            ["10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0/8", "localhost", "10.0.0.1/-1"]
        {
            assert!(Proxies::parse(bad).unwrap_err().starts_with("not a list"), "{bad}");
        }
    }
}
