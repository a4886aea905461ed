//! The distribution API under `/v2/`, and the paths for tokens, keys and health on the same port.

mod dispatch;
mod endpoint;
pub(in crate::http) mod endpoints;
mod router;

pub(in crate::http) use dispatch::dispatch;
pub use endpoint::{Delete, Endpoint, Mount, Open, Pull, Push, Referrers};
pub use router::route;
