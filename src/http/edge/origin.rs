//! The client of a request, and the address at which that client reached this server.

use std::net::{IpAddr, Ipv4Addr};

use hyper::header::HOST;
use hyper::http::request::Parts;

use super::forwarded::Forwarded;
use crate::config::{HostPort, Login, Networks};
use crate::net::{Peer, Secured};

/// The public name of this server, as far as the settings give it.
#[derive(Clone, Debug, Default)]
pub struct Name {
    /// `host[:port]`. Without it, the Host of each request is used.
    pub host: Option<String>,
    /// Whether clients use https. Without it, each connection decides.
    pub https: Option<bool>,
    /// The proxies that are trusted to name the client.
    pub proxies: Networks,
    /// Whether clients must log in. It decides which requests are answered without a login.
    pub login: Login,
}

/// The client of a request, and the address at which it reached this server.
#[derive(Clone, Debug)]
pub(in crate::http) struct Origin {
    /// Address of the client.
    pub(in crate::http) address: IpAddr,
    /// `https://host[:port]` or `http://host[:port]`.
    base: String,
}

impl Origin {
    /// Finds the origin in the head of a request, and in the extensions that the connection added to it.
    pub(in crate::http) fn of(parts: &Parts, name: &Name) -> Self {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let Forwarded { address, https } = Forwarded::of(peer, &parts.headers, &name.proxies);
        let https = name.https.or(https);
        let https = https.unwrap_or_else(|| parts.extensions.get::<Secured>().is_some());
        let host = name.host.as_deref().or_else(|| host(parts)).unwrap_or("localhost");
        let scheme = if https { "https" } else { "http" };
        Self { address, base: format!("{scheme}://{host}") }
    }

    /// The URL at which this server issues tokens.
    pub(in crate::http) fn realm(&self) -> String {
        format!("{}/token", self.base)
    }
}

/// The host and port that the request names. `None` when they contain a character that must not go into a header.
fn host(parts: &Parts) -> Option<&str> {
    let from_uri = parts.uri.authority().map(|authority| authority.as_str());
    let host = from_uri.or_else(|| parts.headers.get(HOST)?.to_str().ok())?;
    HostPort::parse(host).map(HostPort::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn realm(host: &str, name: &Name) -> String {
        let request = Request::builder().uri("/v2/").header(HOST, host).body(()).unwrap();
        Origin::of(&request.into_parts().0, name).realm()
    }

    #[test]
    fn the_realm_has_the_address_that_the_client_used() {
        let unnamed = Name::default();
        assert_eq!(realm("127.0.0.1:5000", &unnamed), "http://127.0.0.1:5000/token");
        assert_eq!(realm("[::1]:5000", &unnamed), "http://[::1]:5000/token");
        let named =
            Name { host: Some("registry.example".into()), https: Some(true), ..Name::default() };
        assert_eq!(realm("10.0.0.7", &named), "https://registry.example/token");
    }

    #[test]
    fn the_realm_is_https_for_clients_that_use_https() {
        let proxied = Name { proxies: "10.0.0.1".parse().unwrap(), ..Name::default() };
        let plain = Name { https: Some(false), ..proxied.clone() };
        let realm = |peer: [u8; 4], secured: bool, name: &Name| {
            let request = Request::builder().uri("/v2/").header(HOST, "r.example");
            let request = request.header("x-forwarded-proto", "https").body(()).unwrap();
            let mut parts = request.into_parts().0;
            parts.extensions.insert(Peer((peer, 4711).into()));
            if secured {
                parts.extensions.insert(Secured { client: None });
            }
            Origin::of(&parts, name).realm()
        };
        let (https, http) = ("https://r.example/token", "http://r.example/token");
        assert_eq!(realm([10, 0, 0, 1], false, &proxied), https);
        assert_eq!(realm([10, 0, 0, 2], false, &proxied), http);
        assert_eq!(realm([10, 0, 0, 2], true, &proxied), https);
        assert_eq!(realm([10, 0, 0, 1], true, &plain), http);
    }

    #[test]
    fn an_illegal_host_does_not_get_into_a_header() {
        for host in ["a\"b", "a b", "a/b", "a,b", ""] {
            assert_eq!(realm(host, &Name::default()), "http://localhost/token", "{host}");
        }
    }
}
