//! The client as trusted proxies describe it: its address, and whether it uses https.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::config::Networks;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A client as the proxies in front of this server see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Address of the client.
    pub address: IpAddr,
    /// Whether the client uses https; `None` when no trusted proxy says so.
    pub https: Option<bool>,
}

impl Forwarded {
    /// Finds the client behind `peer`, the other end of the connection. Only the entries of trusted proxies count: the
    /// list is read from its end, where the nearest proxy wrote, up to the first address that is not a trusted proxy.
    /// When an entry is not an address, the client is `peer` itself.
    pub fn of(peer: IpAddr, headers: &HeaderMap, proxies: &Networks) -> Self {
        let peer = peer.to_canonical();
        if !proxies.contain(peer) {
            return Self { address: peer, https: None };
        }
        Self { address: client(headers, proxies).unwrap_or(peer), https: https(headers) }
    }
}

fn client(headers: &HeaderMap, proxies: &Networks) -> Option<IpAddr> {
    let mut farthest = None;
    for line in headers.get_all(FORWARDED_FOR).into_iter().rev() {
        for entry in line.to_str().ok()?.rsplit(',') {
            let found = address(entry.trim())?;
            if !proxies.contain(found) {
                return Some(found);
            }
            farthest = Some(found);
        }
    }
    farthest
}

/// Parses an address. Some proxies add a port, which is dropped.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(entry).parse().ok();
    let address = address.or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// Whether the client reached the first proxy by https. A client that lies here only gets a wrong address in its own
/// responses.
fn https(headers: &HeaderMap) -> Option<bool> {
    let line = headers.get(FORWARDED_PROTO)?.to_str().ok()?;
    match line.split(',').next()?.trim().to_ascii_lowercase().as_str() {
        "https" => Some(true),
        "http" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn client_of(peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let proxies = "10.0.0.0/8,fd00::/8".parse().unwrap();
        Forwarded::of(peer.parse().unwrap(), &headers, &proxies).address.to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_not_a_trusted_proxy() {
        for (peer, lines, client) in [
            // The peer is not a trusted proxy, so the header is ignored.
            ("203.0.113.9", &["192.0.2.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["192.0.2.1, 10.0.0.7"], "192.0.2.1"),
            ("10.0.0.1", &["6.6.6.6, 192.0.2.1, 10.0.0.7"], "192.0.2.1"),
            ("10.0.0.1", &["6.6.6.6", "192.0.2.1", "10.0.0.7,10.0.0.8"], "192.0.2.1"),
            ("fd00::1", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("10.0.0.1", &["192.0.2.1:80"], "192.0.2.1"),
            // All entries are trusted proxies. The request began at the farthest one.
            ("10.0.0.1", &["10.0.0.9, 10.0.0.7"], "10.0.0.9"),
        ] {
            assert_eq!(client_of(peer, lines), client, "{peer} {lines:?}");
        }
    }

    #[test]
    fn in_a_malformed_list_the_client_is_the_peer() {
        for line in ["unknown", "", "192.0.2.1,,10.0.0.7", "192.0.2.1, x", "\u{e4}", "1.2.3.4.5"] {
            assert_eq!(client_of("10.0.0.1", &[line]), "10.0.0.1", "{line}");
        }
        // The client wrote the entries before its own address, so they do not matter.
        assert_eq!(client_of("10.0.0.1", &["garbage, 192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn the_farthest_proxy_says_whether_the_client_uses_https() {
        let proxies = "10.0.0.1".parse().unwrap();
        let https = |peer: &str, line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED_PROTO, HeaderValue::from_str(line).unwrap());
            Forwarded::of(peer.parse().unwrap(), &headers, &proxies).https
        };
        assert_eq!(https("10.0.0.1", "https"), Some(true));
        assert_eq!(https("10.0.0.1", "HTTP"), Some(false));
        assert_eq!(https("10.0.0.1", "https, http"), Some(true));
        assert_eq!(https("10.0.0.1", "gopher"), None);
        assert_eq!(https("10.0.0.2", "https"), None);
    }
}
