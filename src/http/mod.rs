//! HTTP: the way of a request from its parsed head to the response. No other room knows routes, status codes or the headers
//! of the API.
//!
//! `edge/service.rs` runs each request: it routes, authorizes, dispatches, renders errors, counts and logs. `v2` is the
//! distribution API: the router finds the [`Endpoint`], and `dispatch` calls its handler in `endpoints/<noun>.rs` with the
//! permission that the endpoint needs. `ops` holds two small servers on ports of their own.

mod edge;
mod ops;
mod v2;

pub use edge::{Body, Edge, EdgeService, Forwarded, HttpError, Limits, Name};
pub use ops::{OperatorService, RedirectService};
pub use v2::{Delete, Endpoint, Mount, Open, Pull, Push, Referrers, route};
