//! Refuses request heads that two servers could interpret differently.

use hyper::Version;
use hyper::header::{AUTHORIZATION, HOST, HeaderName};
use hyper::http::request::Parts;

use super::error::HttpError;

/// Refuses a head without a Host where HTTP asks for one (RFC 9112, 3.2), and one with two values where only one can
/// count: a proxy may have decided by the other.
///
/// # Errors
/// 400.
pub(super) fn check(head: &Parts) -> Result<(), HttpError> {
    let count = |name: &HeaderName| head.headers.get_all(name).iter().count();
    if head.version == Version::HTTP_11 && count(&HOST) == 0 {
        return Err(HttpError::unsupported("a request by HTTP/1.1 names its Host".to_owned()));
    }
    for name in [HOST, AUTHORIZATION] {
        if count(&name) > 1 {
            return Err(HttpError::unsupported(format!("a request has one {name} header only")));
        }
    }
    Ok(())
}
