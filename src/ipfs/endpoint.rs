//! Where Kubo listens.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use thiserror::Error;

/// The address of a listener of Kubo: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Where Kubo is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its RPC API.
    pub api: Endpoint,
    /// Its gateway: the fast way to read. Without one, reads go through the API.
    pub gateway: Option<Endpoint>,
}

/// Why a string is not the address of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// Not an address at all.
    #[error("not an address; write http://host:port")]
    Malformed,
    /// Another scheme.
    #[error("only http:// is spoken with Kubo")]
    Scheme,
    /// No port.
    #[error("the port is missing; write http://host:port")]
    Port,
    /// More than host and port.
    #[error("user names, paths and queries are not supported; write http://host:port")]
    Extra,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(s: &str) -> Result<Self, EndpointError> {
        let uri: Uri = s.parse().map_err(|_| EndpointError::Malformed)?;
        let scheme = uri.scheme_str().ok_or(EndpointError::Malformed)?;
        if scheme != "http" {
            return Err(EndpointError::Scheme);
        }
        let authority = uri.authority().ok_or(EndpointError::Malformed)?;
        if authority.as_str().contains('@')
            || !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
        {
            return Err(EndpointError::Extra);
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(EndpointError::Malformed);
        }
        let port = authority.port_u16().filter(|port| *port != 0).ok_or(EndpointError::Port)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "http://[{host}]:{port}")
        } else {
            write!(f, "http://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, EndpointError};

    #[test]
    fn addresses_are_read_and_printed() {
        for (text, host, port) in [
            ("http://127.0.0.1:5001", "127.0.0.1", 5001),
            ("http://ipfs:5001/", "ipfs", 5001),
            ("http://[::1]:8080", "::1", 8080),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port), "{text}");
            assert_eq!(endpoint.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, error) in [
            ("", EndpointError::Malformed),
            ("ipfs", EndpointError::Malformed),
            ("127.0.0.1:5001", EndpointError::Malformed),
            ("/ip4/127.0.0.1/tcp/5001", EndpointError::Malformed),
            ("https://ipfs:5001", EndpointError::Scheme),
            ("http://ipfs", EndpointError::Port),
            ("http://ipfs:0", EndpointError::Port),
            ("http://a:b@ipfs:5001", EndpointError::Extra),
            ("http://ipfs:5001/api/v0", EndpointError::Extra),
            ("http://ipfs:5001/?x=1", EndpointError::Extra),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
        }
    }
}
