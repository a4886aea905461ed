//! Networks: all IP addresses that begin with the same bits.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Bits of the smallest IPv6 network that a provider gives to a customer, who can use every address in it.
const CUSTOMER_BITS: u32 = 64;

/// A network of IP addresses, such as `10.0.0.0/8`: all addresses with the same first bits.
///
/// The bits after them are stored as zeros, so that equal networks compare as equal.
///
/// An IPv4 address that is written as an IPv6 one (`::ffff:10.0.0.1`) counts as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// The text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a network; write 10.0.0.0/8, 192.0.2.7 or fd00::/8")]
pub struct NetworkError;

impl Network {
    /// The network of the addresses that share the first `bits` bits with `address`; `None` when an address has fewer.
    pub fn new(address: IpAddr, bits: u32) -> Option<Self> {
        let address = match address {
            IpAddr::V4(address) => {
                let rest = u32::BITS.checked_sub(bits)?;
                let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let rest = u128::BITS.checked_sub(bits)?;
                let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        };
        Some(Self { address, bits })
    }

    /// The addresses that are counted as one customer: a single IPv4 address, or the /64 of an IPv6 address.
    pub fn of_customer(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { u32::BITS } else { CUSTOMER_BITS };
        Self::new(address, bits).unwrap_or(Self { address, bits })
    }

    /// The network that one owner may well have as a whole: the /24 of an IPv4 address, the /56 of an IPv6 address.
    pub fn of_owner(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { 24 } else { 56 };
        Self::new(address, bits).unwrap_or(Self { address, bits })
    }

    /// The networks around that of a customer which one owner may have, the smallest first: the /24 of an IPv4 address,
    /// the /56 and the /48 of an IPv6 address.
    pub fn around(address: IpAddr) -> Vec<Self> {
        let address = address.to_canonical();
        let site = if address.is_ipv4() { None } else { Self::new(address, 48) };
        [Self::of_owner(address)].into_iter().chain(site).collect()
    }

    /// Whether `address` is in this network.
    pub fn contains(self, address: IpAddr) -> bool {
        Self::new(address.to_canonical(), self.bits) == Some(self)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads `address/bits`, or a single address.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| NetworkError)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let all = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        Self::new(address, bits.unwrap_or(all)).ok_or(NetworkError)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// A list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Whether one of them contains `address`.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Whether one of them contains every address of its kind, as `0.0.0.0/0` and `::/0` do.
    pub(super) fn contain_everyone(&self) -> bool {
        self.0.iter().any(|network| network.bits == 0)
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Networks {
    type Err = NetworkError;

    /// Reads networks that are separated by commas. An empty text gives no network.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(str::parse).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_contains_the_addresses_with_its_first_bits() {
        let networks: Networks = "10.1.0.0/16, 192.0.2.7,fd00::/8".parse().unwrap();
        for inside in ["10.1.0.0", "10.1.255.255", "192.0.2.7", "fd12::1", "::ffff:10.1.2.3"] {
            assert!(networks.contain(address(inside)), "{inside}");
        }
        for outside in ["10.2.0.0", "192.0.2.8", "fe00::1", "::1", "::10.1.2.3"] {
            assert!(!networks.contain(address(outside)), "{outside}");
        }
        let contains = |networks: &str, inside: &str| {
            networks.parse::<Networks>().unwrap().contain(address(inside))
        };
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "2001:db8::1") && !contains("", "127.0.0.1"));
        assert!(contains("10.9.9.9/8", "10.1.1.1"));
    }

    #[test]
    fn a_text_that_is_not_a_network_is_refused() {
        for bad in
            ["10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0/8", "localhost", "10.0.0.1/-1"]
        {
            assert_eq!(bad.parse::<Networks>(), Err(NetworkError), "{bad}");
        }
    }

    #[test]
    fn a_customer_has_one_ipv4_address_or_a_64() {
        let customer = |text| Network::of_customer(address(text)).to_string();
        assert_eq!(customer("192.0.2.1"), "192.0.2.1/32");
        assert_eq!(customer("::ffff:192.0.2.1"), "192.0.2.1/32");
        assert_eq!(customer("2001:db8:0:1:2:3:4:5"), "2001:db8:0:1::/64");
    }

    #[test]
    fn around_a_customer_are_larger_networks() {
        let around = |text| -> Vec<String> {
            Network::around(address(text)).iter().map(ToString::to_string).collect()
        };
        assert_eq!(around("192.0.2.1"), ["192.0.2.0/24"]);
        assert_eq!(around("::ffff:192.0.2.1"), ["192.0.2.0/24"]);
        assert_eq!(around("2001:db8:1:2345::6"), ["2001:db8:1:2300::/56", "2001:db8:1::/48"]);
    }
}
