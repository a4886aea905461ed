//! Where Kubo listens, and what it asks for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hyper::Uri;
use rustls::ClientConfig;
use thiserror::Error;

use crate::config::{self, KuboLogin};
use crate::outbound::{Trust, TrustError};

/// The address of a listener of Kubo: `http://host:port` or `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether it is reached by TLS.
    pub https: bool,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Where Kubo is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its RPC API.
    pub api: Endpoint,
    /// Its gateway: the fast way to read. Without one, reads go through the API.
    pub gateway: Option<Endpoint>,
    /// What the API asks for. The gateway sees it only when it is the same listener.
    pub login: Option<KuboLogin>,
    /// Whom to believe behind `https://`.
    pub tls: Tls,
}

/// Whom to believe behind `https://`; the default is nobody. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tls(pub(super) Option<Arc<ClientConfig>>);

impl Settings {
    /// Listeners on a private network that ask for nothing.
    pub fn plain(api: Endpoint, gateway: Option<Endpoint>) -> Self {
        Self { api, gateway, login: None, tls: Tls::default() }
    }

    /// What the operator set.
    ///
    /// # Errors
    /// When there are no authorities to verify the node by.
    pub fn of(kubo: &config::Kubo) -> Result<Self, TrustError> {
        let endpoint = |endpoint: &config::ServerAddress| Endpoint {
            https: endpoint.https,
            host: endpoint.host.clone(),
            port: endpoint.port,
        };
        let (api, gateway) = (endpoint(&kubo.api), kubo.gateway.as_ref().map(endpoint));
        let tls = if api.https || gateway.as_ref().is_some_and(|gateway| gateway.https) {
            Tls::of(&Trust::of(kubo.authorities.as_deref())?)?
        } else {
            Tls::default()
        };
        Ok(Self { api, gateway, login: kubo.login.clone(), tls })
    }
}

impl Tls {
    /// Whoever these authorities certified under the name that was asked for.
    ///
    /// # Errors
    /// [`TrustError::Setup`].
    pub fn of(trust: &Trust) -> Result<Self, TrustError> {
        let mut client = trust.client()?;
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Some(Arc::new(client))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Tls(some)" } else { "Tls(none)" })
    }
}

/// Why a string is not the address of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// Not an address at all.
    #[error("not an address; write http://host:port")]
    Malformed,
    /// Another scheme.
    #[error("only http:// and https:// are spoken with Kubo")]
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
        let https = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(EndpointError::Scheme),
        };
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
        Ok(Self { https, host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, host, port } = self;
        let scheme = if *https { "https" } else { "http" };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
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
            ("https://kubo.example:443", "kubo.example", 443),
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
            ("ftp://ipfs:5001", EndpointError::Scheme),
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
