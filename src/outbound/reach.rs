//! The rule for the addresses that a connection may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{Network, Networks};

/// IPv4 networks that are not on the public internet (IANA IPv4 special-purpose registry, RFC 6890).
const NOT_PUBLIC: [(Ipv4Addr, u32); 13] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast and reserved.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The IPv6 network of global unicast addresses (RFC 4291, section 2.4).
const GLOBAL: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Networks inside [`GLOBAL`] that are not public: for protocols such as Teredo, for documentation, and for 6to4, whose
/// addresses contain an IPv4 address.
const NOT_GLOBAL: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The addresses that a connection may go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Every address: the operator named the server.
    #[default]
    Anywhere,
    /// Public addresses only: a user named the server, and must not use this program to reach its private network.
    Public {
        /// Networks that the operator permits beside public addresses.
        except: Networks,
    },
}

impl Reach {
    /// Whether a connection may go to `address`.
    pub fn permits(&self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public { except } => is_public(address) || except.contain(address),
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    let inside = |network: IpAddr, bits: u32| {
        Network::new(network, bits).is_some_and(|network| network.contains(address))
    };
    match address.to_canonical() {
        IpAddr::V4(_) => !NOT_PUBLIC.iter().any(|(network, bits)| inside((*network).into(), *bits)),
        IpAddr::V6(_) => {
            inside(GLOBAL.0.into(), GLOBAL.1)
                && !NOT_GLOBAL.iter().any(|(network, bits)| inside((*network).into(), *bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_reached_only_when_they_are_named() {
        let public = Reach::Public { except: Networks::default() };
        let named = Reach::Public { except: "10.1.0.0/16,::1".parse().unwrap() };
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for open in ["93.184.215.14", "172.32.0.1", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8"] {
            assert!(public.permits(address(open)), "{open}");
        }
        for closed in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!public.permits(address(closed)), "{closed}");
            assert!(Reach::Anywhere.permits(address(closed)), "{closed}");
        }
        assert!(named.permits(address("10.1.2.3")) && named.permits(address("::1")));
        assert!(!named.permits(address("10.2.0.1")));
    }
}
