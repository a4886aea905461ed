//! The one alphabet of host names, for settings and for what clients send.

use std::net::IpAddr;

/// A host with or without a port, made only of characters that need no escape in a URL or a header: ASCII letters,
/// digits and `-._:[]`. It need not exist, and its port need not be a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort<'a>(&'a str);

impl<'a> HostPort<'a> {
    /// `None` for an empty text, one of more than 255 characters, or one with a character outside the alphabet.
    pub fn parse(text: &'a str) -> Option<Self> {
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
        let fits = !text.is_empty() && text.len() <= 255 && text.chars().all(allowed);
        fits.then_some(Self(text))
    }

    /// The text that was parsed.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The host, an IPv6 address in its brackets, and what follows it: nothing, or `:` and the port.
    pub fn split(self) -> (&'a str, &'a str) {
        let end = match self.0.rfind(']') {
            Some(bracket) => bracket + 1,
            None => self.0.find(':').unwrap_or(self.0.len()),
        };
        self.0.split_at(end)
    }

    /// Whether the host means this machine without asking a resolver: `localhost`, or a loopback address.
    pub fn is_loopback(self) -> bool {
        let (host, _) = self.split();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        is_loopback(bare.unwrap_or(host))
    }
}

/// Whether `host` means this machine without asking a resolver: `localhost`, or a loopback address.
pub fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>().map(|address| address.to_canonical().is_loopback());
    address.unwrap_or_else(|_| host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_split_from_its_port() {
        for (text, host, rest) in [
            ("registry.example", "registry.example", ""),
            ("registry.example:8443", "registry.example", ":8443"),
            ("my_registry", "my_registry", ""),
            ("10.0.0.7:80", "10.0.0.7", ":80"),
            ("[::1]", "[::1]", ""),
            ("[::1]:5000", "[::1]", ":5000"),
        ] {
            assert_eq!(HostPort::parse(text).unwrap().split(), (host, rest));
        }
    }

    #[test]
    fn other_characters_are_refused() {
        let long = "a".repeat(256);
        for text in ["", "a b", "a/b", "a,b", "a\"b", "@evil.example", "ä.example", &long] {
            assert_eq!(HostPort::parse(text), None, "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_name_and_address() {
        for here in ["localhost", "LOCALHOST", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(is_loopback(here), "{here}");
        }
        assert!(!is_loopback("kubo") && !is_loopback("10.0.0.7"));
        let is_loopback = |text| HostPort::parse(text).unwrap().is_loopback();
        for here in ["localhost:5000", "127.0.0.1:80", "[::1]", "[::1]:5000"] {
            assert!(is_loopback(here), "{here}");
        }
        for other in
            ["0.0.0.0:5000", "127.0.0.1.evil.example", "localhost.example", "[::2]:1", ":80"]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
