//! The distribution API (`/v2/`), and the few paths beside it on the same port.

pub(in crate::http) mod dispatch;
pub(in crate::http) mod endpoint;
mod endpoints;
mod router;

pub use endpoint::Endpoint;
pub use router::route;
