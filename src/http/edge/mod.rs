//! One request from head to answer: what every API of this server shares.

mod body;
pub(in crate::http) mod byteranges;
mod error;
mod forwarded;
pub(in crate::http) mod origin;
mod record;
pub(in crate::http) mod request;
pub(in crate::http) mod respond;
mod service;

pub use body::Body;
pub use error::HttpError;
pub use forwarded::Forwarded;
pub use origin::Name;
pub use service::{Edge, EdgeService, Limits};
