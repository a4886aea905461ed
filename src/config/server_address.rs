//! The address of an HTTP server that this program is a client of.

use std::fmt;
use std::path::Path;

use super::host_port::HostPort;

/// An `http://` or `https://` address without a path, or the `unix://` address of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// Whether the server is reached by TLS.
    pub https: bool,
    /// Name or IP address, or the path of a unix socket if it begins with a slash. An IPv6 address stands without brackets,
    /// as resolvers take it.
    pub host: String,
    /// TCP port, and 0 for a unix socket only.
    pub port: u16,
}

impl ServerAddress {
    /// The address of a unix socket. The path must be absolute.
    pub fn of_socket(path: &str) -> Self {
        Self { https: false, host: path.to_owned(), port: 0 }
    }

    /// The path of the socket, if this is the address of one.
    pub fn socket(&self) -> Option<&Path> {
        self.host.starts_with('/').then(|| Path::new(&self.host))
    }

    /// A parser of `http://host[:port]` with `default_port`, of `https://host[:port]` with 443, and of `unix:///path`.
    pub(super) fn parser(default_port: u16) -> impl Fn(&str) -> Result<Self, String> {
        move |text| parse(text, default_port)
    }

    /// `host:port`, as a `Host` header writes it.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.socket().is_some() {
            return write!(f, "unix://{}", self.host);
        }
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

fn parse(text: &str, default_port: u16) -> Result<ServerAddress, String> {
    if let Some(path) = text.strip_prefix("unix://") {
        let absolute = path.starts_with('/') && !path.ends_with('/') && !path.contains('\0');
        let wrong = || "not the address of a socket; write unix:///path".to_owned();
        return absolute.then(|| ServerAddress::of_socket(path)).ok_or_else(wrong);
    }
    let write = || format!("not an address; write http://host:{default_port} or https://host");
    let (https, rest) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        _ => return Err(write()),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        return Err("an address takes no user name and no password".into());
    }
    if authority.contains(['/', '?', '#']) {
        return Err(format!("an address takes no path; write http://host:{default_port}"));
    }
    let (host, port) = HostPort::parse(authority).ok_or_else(write)?.split();
    let host = bare(host).ok_or_else(write)?;
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(write)?,
        None if !port.is_empty() => return Err(write()),
        None if https => 443,
        None => default_port,
    };
    Ok(ServerAddress { https, host: host.to_owned(), port })
}

/// The host without the brackets of an IPv6 address.
fn bare(host: &str) -> Option<&str> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']')?;
        return address.parse::<std::net::Ipv6Addr>().is_ok().then_some(address);
    }
    (!host.is_empty() && !host.contains(['[', ']'])).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let show = |text| parse(text, 5001).map(|address| address.authority());
        assert_eq!(show("http://kubo"), Ok("kubo:5001".into()));
        assert_eq!(show("http://kubo:80/"), Ok("kubo:80".into()));
        assert_eq!(show("http://[::1]:8080"), Ok("[::1]:8080".into()));
        assert_eq!(show("http://10.0.0.7"), Ok("10.0.0.7:5001".into()));
        assert_eq!(show("https://kubo.example"), Ok("kubo.example:443".into()));
        assert_eq!(show("https://[::1]:8443/"), Ok("[::1]:8443".into()));
        for text in ["http://127.0.0.1:5001", "http://[::1]:8080", "https://kubo.example:443"] {
            assert_eq!(parse(text, 1).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_may_be_a_socket() {
        let address = parse("unix:///run/kubo/api.sock", 5001).unwrap();
        assert_eq!(address.socket(), Some(Path::new("/run/kubo/api.sock")));
        assert_eq!(address.to_string(), "unix:///run/kubo/api.sock");
        assert_eq!(parse("http://kubo", 5001).unwrap().socket(), None);
    }

    #[test]
    fn anything_else_is_refused_with_what_would_be_right() {
        for bad in [
            "",
            "kubo",
            "kubo:5001",
            "http://",
            "http://:5001",
            "http://kubo:",
            "http://kubo:0",
            "http://kubo:99999",
            "http://kubo/api",
            "http://[::1",
            "http://[x]:1",
            "http://a b",
            "/ip4/127.0.0.1/tcp/5001",
            "http://[::1]x",
            "ftp://kubo",
            "http://a]b",
            "http://::1",
            "http://kubo/?x=1",
            "unix://",
            "unix://run/api.sock",
            "unix:///run/",
        ] {
            assert!(parse(bad, 5001).is_err(), "{bad}");
        }
        assert!(parse("http://me:word@kubo", 5001).unwrap_err().contains("password"));
    }
}
