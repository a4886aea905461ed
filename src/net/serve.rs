//! The kind of service that connections are served by.

use std::error::Error;

use bytes::Bytes;
use http_body::Body;
use hyper::service::Service;
use hyper::{Request, Response};

use super::received::Received;

/// Any error of a service or a body.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A hyper service whose answers can be made and sent in any task. Implemented for every service of that kind.
pub trait Serve:
    Service<
        Request<Received>,
        Response = Response<<Self as Serve>::Answer>,
        Future: Send + 'static,
        Error: Into<BoxError>,
    >
{
    /// Body of an answer.
    type Answer: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> Serve for S
where
    S: Service<
            Request<Received>,
            Response = Response<B>,
            Future: Send + 'static,
            Error: Into<BoxError>,
        >,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Answer = B;
}
