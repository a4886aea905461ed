//! The port without TLS. It redirects browsers to https and refuses everything else.
//!
//! Only GET and HEAD of `/` are redirected. A client that followed a redirect from `/v2/` would send its credentials
//! unencrypted with every request, and nobody would notice.

use std::convert::Infallible;
use std::future::{Ready, ready};

use hyper::header::{CONNECTION, HOST, HeaderValue, LOCATION};
use hyper::service::Service;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use crate::config::HostPort;
use crate::http::edge::respond;
use crate::http::{Body, HttpError};
use crate::net::Received;
use crate::oci::ErrorCode;
use crate::telemetry::metrics::{self, Refusal};

/// Redirects browsers to https.
#[derive(Clone, Debug)]
pub struct RedirectService {
    /// The public name of the server, `host[:port]`.
    name: Option<String>,
    /// The https port, which goes into a redirect to the host that the client named.
    port: u16,
}

impl RedirectService {
    /// Redirects to `name`, which is `host[:port]`. Without a name it redirects to the host that the client named, at
    /// `port`.
    pub fn new(name: Option<String>, port: u16) -> Self {
        Self { name, port }
    }

    fn target(&self, headers: &HeaderMap) -> Option<String> {
        if let Some(name) = &self.name {
            return Some(format!("https://{name}/"));
        }
        let host = without_port(headers.get(HOST)?.to_str().ok()?)?;
        Some(match self.port {
            443 => format!("https://{host}/"),
            port => format!("https://{host}:{port}/"),
        })
    }

    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Body> {
        let target = self.target(headers);
        let mut response = match (method, path, &target) {
            (&Method::GET | &Method::HEAD, "/", Some(target)) => {
                let mut response = respond::empty(StatusCode::PERMANENT_REDIRECT);
                respond::insert(response.headers_mut(), LOCATION, target);
                response
            }
            _ => {
                metrics::refused(Refusal::NotTls);
                let there = target.as_deref().unwrap_or("https");
                HttpError::Request {
                    status: StatusCode::FORBIDDEN,
                    code: ErrorCode::Denied,
                    message: format!("this port does not encrypt; use {there}"),
                }
                .render()
            }
        };
        // There is nothing else to request here.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// The host in `host[:port]`. `None` when it has a character that must not go into a header.
fn without_port(host: &str) -> Option<&str> {
    let (host, _) = HostPort::parse(host)?.split();
    (!host.is_empty()).then_some(host)
}

impl Service<Request<Received>> for RedirectService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Received>) -> Self::Future {
        ready(Ok(self.answer(request.method(), request.uri().path(), request.headers())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(service: &RedirectService, method: Method, path: &str, host: &str) -> (u16, String) {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        let response = service.answer(&method, path, &headers);
        let target = response.headers().get(LOCATION).map(|v| v.to_str().unwrap().to_owned());
        (response.status().as_u16(), target.unwrap_or_default())
    }

    #[test]
    fn only_the_front_page_is_redirected() {
        let named = RedirectService::new(Some("registry.example:8443".to_owned()), 5000);
        let there = (308, "https://registry.example:8443/".to_owned());
        assert_eq!(answer(&named, Method::GET, "/", "x"), there);
        assert_eq!(answer(&named, Method::HEAD, "/", "x"), there);
        for (method, path) in [
            (Method::GET, "/v2/"),
            (Method::GET, "/token"),
            (Method::POST, "/"),
            (Method::PUT, "/v2/a/manifests/b"),
            (Method::OPTIONS, "*"),
        ] {
            assert_eq!(answer(&named, method, path, "x"), (403, String::new()), "{path}");
        }
    }

    #[test]
    fn without_a_name_the_redirect_keeps_the_host_of_the_request() {
        let unnamed = RedirectService::new(None, 5000);
        for (host, there) in [
            ("10.0.0.7", "https://10.0.0.7:5000/"),
            ("10.0.0.7:80", "https://10.0.0.7:5000/"),
            ("[::1]:80", "https://[::1]:5000/"),
        ] {
            assert_eq!(answer(&unnamed, Method::GET, "/", host), (308, there.to_owned()));
        }
        for host in ["", "a b", "a/b", "@evil.example", "a\"b"] {
            assert_eq!(answer(&unnamed, Method::GET, "/", host).0, 403, "{host}");
        }
        let usual = RedirectService::new(None, 443);
        assert_eq!(answer(&usual, Method::GET, "/", "r.example").1, "https://r.example/");
    }
}
