//! The services that connections can be served with.

use std::error::Error;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};

/// The errors of services and bodies, of whatever type.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A hyper service whose answers may be made and sent in any task: another name for a list of bounds.
pub trait Serve:
    Service<
        Request<Incoming>,
        Response = Response<<Self as Serve>::Answer>,
        Future: Send + 'static,
        Error: Into<BoxError>,
    >
{
    /// The body of an answer.
    type Answer: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> Serve for S
where
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Future: Send + 'static,
            Error: Into<BoxError>,
        >,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Answer = B;
}
