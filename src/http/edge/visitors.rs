//! The requests that a server without a login refuses: those that a proxy forwards, and those that a browser sends for a
//! page of another site.

use hyper::StatusCode;
use hyper::header::{FORWARDED, HOST, HeaderName, HeaderValue, ORIGIN, VIA};
use hyper::http::request::Parts;

use super::HttpError;
use super::origin::Name;
use crate::config::{HostPort, Login};
use crate::oci::ErrorCode;
use crate::telemetry::metrics::{self, Refusal};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that a server without a login must not serve.
///
/// # Errors
/// 403 for a request that a page of another site sends. If the server expects only clients on this machine, also 403 for
/// a forwarded request, and 421 for a request to another host. A browser sends such a request when a foreign name
/// resolves to a loopback address (DNS rebinding).
pub(super) fn check(parts: &Parts, name: &Name) -> Result<(), HttpError> {
    match name.login {
        Login::Token => Ok(()),
        Login::Anyone => check_site(parts, name),
        Login::Local => {
            check_direct(parts)?;
            check_host(parts, name)?;
            check_site(parts, name)
        }
    }
}

fn check_direct(parts: &Parts) -> Result<(), HttpError> {
    let forwards = [FORWARDED, FORWARDED_FOR, VIA];
    let Some(sign) = forwards.iter().find(|name| parts.headers.contains_key(*name)) else {
        return Ok(());
    };
    metrics::refused(Refusal::Forwarded);
    Err(refused(
        StatusCode::FORBIDDEN,
        format!(
            "this registry asks for no login and so answers no request that a proxy forwards ({sign}); set \
             OPEN_REGISTRY_DOMAIN and OPEN_REGISTRY_TRUSTED_PROXIES, and clients will log in"
        ),
    ))
}

fn check_host(parts: &Parts, name: &Name) -> Result<(), HttpError> {
    // Only HTTP/1.0 may leave out the Host, and no browser does.
    let Some(host) = authority(parts) else { return Ok(()) };
    let host = std::str::from_utf8(host).ok().and_then(HostPort::parse);
    let is_ours = |host: HostPort<'_>| {
        host.is_loopback()
            || name.host.as_deref().is_some_and(|name| host.as_str().eq_ignore_ascii_case(name))
    };
    if host.is_some_and(is_ours) {
        return Ok(());
    }
    metrics::refused(Refusal::Host);
    Err(refused(
        StatusCode::MISDIRECTED_REQUEST,
        "this registry asks for no login and so answers only to localhost and loopback addresses; set \
         OPEN_REGISTRY_DOMAIN to the name that clients use, and they will log in"
            .to_owned(),
    ))
}

fn check_site(parts: &Parts, name: &Name) -> Result<(), HttpError> {
    let headers = &parts.headers;
    let foreign = headers.get_all(FETCH_SITE).iter().any(|site| site == "cross-site")
        || headers.get_all(ORIGIN).iter().any(|origin| !is_ours(origin, parts, name));
    if !foreign {
        return Ok(());
    }
    metrics::refused(Refusal::CrossSite);
    let message =
        "this registry asks for no login and so answers no request of another site's page";
    Err(refused(StatusCode::FORBIDDEN, message.to_owned()))
}

/// Whether an Origin is the host that the request is addressed to, or the domain.
fn is_ours(origin: &HeaderValue, parts: &Parts, name: &Name) -> bool {
    let (port, site) = match origin.to_str().ok().and_then(|origin| origin.split_once("://")) {
        Some(("http", site)) => (":80", site),
        Some(("https", site)) => (":443", site),
        _ => return false,
    };
    // Browsers leave the usual port out of both, others need not.
    let bare = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    let host = authority(parts).and_then(|host| std::str::from_utf8(host).ok());
    host.into_iter().chain(name.host.as_deref()).any(|host| bare(host) == bare(site))
}

/// The host that the request is addressed to, as the client wrote it.
fn authority(parts: &Parts) -> Option<&[u8]> {
    let from_uri = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    from_uri.or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes))
}

fn refused(status: StatusCode, message: String) -> HttpError {
    HttpError::Request { status, code: ErrorCode::Denied, message }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    /// The status with which a request is refused, 0 if it is not.
    fn status(login: Login, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().uri("/v2/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let name = Name { login, host: Some("localhost:5000".into()), ..Name::default() };
        match check(&request.body(()).unwrap().into_parts().0, &name) {
            Ok(()) => 0,
            Err(error) => error.render().status().as_u16(),
        }
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:5000");
    const THERE: (&str, &str) = ("host", "registry.example");

    #[test]
    fn what_a_proxy_forwards_is_refused_where_none_is_expected() {
        for header in ["forwarded", "x-forwarded-for", "via"] {
            let headers = [HERE, (header, "x")];
            assert_eq!(status(Login::Local, &headers), 403, "{header}");
            assert_eq!(status(Login::Anyone, &headers), 0, "{header}");
            assert_eq!(status(Login::Token, &headers), 0, "{header}");
        }
    }

    #[test]
    fn another_host_is_refused_where_only_this_machine_is_expected() {
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:5000", "127.8.8.8", "[::1]:5000"] {
            assert_eq!(status(Login::Local, &[("host", host)]), 0, "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example", "0.0.0.0:5000", "10.0.0.1", "a b", ""]
        {
            assert_eq!(status(Login::Local, &[("host", host)]), 421, "{host}");
            assert_eq!(status(Login::Anyone, &[("host", host)]), 0, "{host}");
            assert_eq!(status(Login::Token, &[("host", host)]), 0, "{host}");
        }
        assert_eq!(status(Login::Local, &[]), 0);
    }

    #[test]
    fn pages_of_other_sites_are_refused_without_login() {
        for (host, origin, expected) in [
            (HERE, "http://127.0.0.1:5000", 0),
            (HERE, "http://localhost:5000", 0),
            (HERE, "http://localhost:3000", 403),
            (HERE, "https://evil.example", 403),
            (HERE, "null", 403),
            (THERE, "https://registry.example", 0),
            (THERE, "https://Registry.example:443", 0),
            (THERE, "http://registry.example:443", 403),
            (THERE, "https://registry.example.evil.example", 403),
        ] {
            assert_eq!(status(Login::Anyone, &[host, ("origin", origin)]), expected, "{origin}");
            assert_eq!(status(Login::Token, &[host, ("origin", origin)]), 0, "{origin}");
        }
        for (site, expected) in [("cross-site", 403), ("same-origin", 0), ("none", 0)] {
            for login in [Login::Local, Login::Anyone] {
                assert_eq!(status(login, &[HERE, ("sec-fetch-site", site)]), expected, "{site}");
            }
        }
    }
}
