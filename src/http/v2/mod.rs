//! The distribution API (`/v2/`), and the few paths beside it on the same port.

mod dispatch;
mod endpoint;
mod endpoints;
mod router;

pub(in crate::http) use dispatch::dispatch;
pub use endpoint::{Delete, Endpoint, Mount, Open, Pull, Push, Referrers};
pub use router::route;
