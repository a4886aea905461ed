//! The edge: one request's way from a parsed head to an answer. The only room with status codes and headers.
//!
//! `service` runs one request: route, authorize, dispatch, render errors, count, log, in that order, once. `router`
//! turns method and URI into an [`Endpoint`]; `dispatch` is one exhaustive match over it; `endpoints/<noun>` holds
//! one function a verb.

mod body;
mod byteranges;
mod dispatch;
mod endpoint;
mod endpoints;
mod error;
mod forwarded;
mod operator;
mod origin;
mod record;
mod redirect;
mod request;
mod respond;
mod router;
mod service;

pub use body::Body;
pub use endpoint::Endpoint;
pub use error::HttpError;
pub use forwarded::Forwarded;
pub use operator::OperatorService;
pub use origin::Name;
pub use redirect::RedirectService;
pub use router::route;
pub use service::{Edge, EdgeService, Limits};
