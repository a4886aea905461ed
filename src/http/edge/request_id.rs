//! The id of a request, by which a client and an operator speak of it: in the log, in the answer and in its trace.

use std::fmt;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The header with the id, in requests and in answers.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Most characters of an id that a client chose.
const MOST: usize = 128;

/// The id of a request.
#[derive(Clone, Debug)]
pub(in crate::http) struct RequestId(HeaderValue);

impl RequestId {
    /// The id that the client or a proxy gave, if it is harmless wherever it may be shown; a random one otherwise.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(X_REQUEST_ID).iter();
        match (given.next(), given.next()) {
            (Some(id), None) if is_harmless(id.as_bytes()) => Self(id.clone()),
            _ => Self::random(),
        }
    }

    fn random() -> Self {
        let id = HeaderValue::try_from(Uuid::new_v4().to_string());
        Self(id.unwrap_or(HeaderValue::from_static("unknown")))
    }

    /// The value of the header in the answer.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

fn is_harmless(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=MOST).contains(&id.len()) && id.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(given: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::of(&headers).to_string()
    }

    #[test]
    fn a_harmless_id_is_kept() {
        let long = "x".repeat(MOST);
        for good in ["7", "0af7651916cd43dd", "Root=1-67891233-abcdef012345678912345678", &long] {
            assert_eq!(id(&[good.as_bytes()]), good);
        }
    }

    #[test]
    fn any_other_is_replaced_by_a_random_one() {
        let long = "x".repeat(MOST + 1);
        for bad in ["", " ", "a b", "\"", "<b>", "a\tb", "\u{e9}", &long] {
            assert!(Uuid::parse_str(&id(&[bad.as_bytes()])).is_ok(), "{bad}");
        }
        assert!(Uuid::parse_str(&id(&[])).is_ok());
        assert!(Uuid::parse_str(&id(&[b"one", b"two"])).is_ok());
        assert_ne!(id(&[]), id(&[]));
    }
}
