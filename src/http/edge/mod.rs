//! The way of one request from its head to its response, which every API of this server shares.

pub(in crate::http) mod answer;
mod body;
pub(in crate::http) mod byteranges;
mod error;
mod forwarded;
mod framing;
pub(in crate::http) mod guard;
mod openings;
mod origin;
mod record;
pub(in crate::http) mod request;
mod request_id;
pub(in crate::http) mod respond;
mod service;
mod shared;
mod visitors;

pub use body::Body;
pub use error::HttpError;
pub use forwarded::Forwarded;
pub use origin::Name;
pub use service::EdgeService;
pub use shared::{Edge, Limits};
