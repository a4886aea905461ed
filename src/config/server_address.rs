//! The address of an HTTP server.

use std::fmt;

/// An `http://` or `https://` address without a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Whether it is reached by TLS.
    pub https: bool,
    /// Name or IP address, an IPv6 address without brackets, as a resolver takes it.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// A parser of `http://host[:port]` with `default_port`, and of `https://host[:port]` with 443.
    pub(super) fn parser(default_port: u16) -> impl Fn(&str) -> Result<Self, String> {
        move |text| parse(text, default_port)
    }
}

fn parse(text: &str, default_port: u16) -> Result<Endpoint, String> {
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
        None if port.is_empty() => {
            if https {
                443
            } else {
                default_port
            }
        }
        None => return Err(write()),
    };
    Ok(Endpoint { https, host: host.to_owned(), port })
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
        assert_eq!(show("https://kubo.example"), Ok("kubo.example:443".into()));
        assert_eq!(show("https://[::1]:8443/"), Ok("[::1]:8443".into()));
        assert!(
            parse("https://kubo", 5001).unwrap().https
                && !parse("http://kubo", 5001).unwrap().https
        );
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
        ] {
            assert!(parse(bad, 5001).is_err(), "{bad}");
        }
        assert!(parse("http://me:word@kubo", 5001).unwrap_err().contains("password"));
    }
}
