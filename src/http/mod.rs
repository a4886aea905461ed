//! The edge: one request's way from a parsed head to an answer. The only room with status codes and headers.
//!
//! `edge` runs one request: route, authorize, dispatch, render errors, count, log, in that order, once. `v2` holds the
//! distribution API: its router turns method and URI into an [`Endpoint`], `dispatch` is one exhaustive match over it,
//! `endpoints/<noun>` holds one function a verb. `ops` holds the two small servers beside the API.

mod edge;
mod ops;
mod v2;

pub use edge::{Body, Edge, EdgeService, Forwarded, HttpError, Limits, Name};
pub use ops::{OperatorService, RedirectService};
pub use v2::{Delete, Endpoint, Mount, Open, Pull, Push, Referrers, route};
