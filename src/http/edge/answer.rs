//! The result of a handler.

use hyper::Response;

use super::body::Body;
use crate::ipld::Cid;

/// A response, and facts for its log line.
pub(in crate::http) struct Answer {
    pub(in crate::http) response: Response<Body>,
    pub(in crate::http) facts: Facts,
}

/// Facts about the content that a request moved, for its log line.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Facts {
    pub(in crate::http) digest: Option<String>,
    pub(in crate::http) cid: Option<Cid>,
    pub(in crate::http) size: Option<u64>,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        Self { response, facts: Facts::default() }
    }
}
