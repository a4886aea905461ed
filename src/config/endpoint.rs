//! The address of an HTTP server.

use std::fmt;

/// Host and port of an `http://` address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or IP address, an IPv6 address without brackets, as a resolver takes it.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// A parser of `http://host[:port]` with `default_port`.
    pub(super) fn parser(default_port: u16) -> impl Fn(&str) -> Result<Self, String> {
        move |text| parse(text, default_port)
    }
}

fn parse(text: &str, default_port: u16) -> Result<Endpoint, String> {
    let write = || format!("not an address; write http://host:{default_port}");
    if text.starts_with("https://") {
        return Err(
            "https is not supported yet; use an http:// address on a private network".into()
        );
    }
    let rest = text.strip_prefix("http://").ok_or_else(write)?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        return Err("an address takes no user name and no password".into());
    }
    if authority.contains(['/', '?', '#']) {
        return Err(format!("an address takes no path; write http://host:{default_port}"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(write)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| write())?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if host.is_empty() || !host.chars().all(named) {
        return Err(write());
    }
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(write)?,
        None if port.is_empty() => default_port,
        None => return Err(write()),
    };
    Ok(Endpoint { host: host.to_owned(), port })
}

impl fmt::Display for Endpoint {
    /// `host:port`, the form of a `Host` header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let show = |text| parse(text, 5001).map(|endpoint| endpoint.to_string());
        assert_eq!(show("http://kubo"), Ok("kubo:5001".into()));
        assert_eq!(show("http://kubo:80/"), Ok("kubo:80".into()));
        assert_eq!(show("http://[::1]:8080"), Ok("[::1]:8080".into()));
        assert_eq!(show("http://10.0.0.7"), Ok("10.0.0.7:5001".into()));
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
        ] {
            assert!(parse(bad, 5001).is_err(), "{bad}");
        }
        assert!(parse("https://kubo", 5001).unwrap_err().contains("not supported yet"));
        assert!(parse("http://me:word@kubo", 5001).unwrap_err().contains("password"));
    }
}
