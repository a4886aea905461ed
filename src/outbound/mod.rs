//! Connections that this program opens to others: which certificate authorities it trusts.
//!
//! PostgreSQL, Kubo and the directory that issues certificates are reached by what lives here. A certificate of our
//! own may not live here.

mod trust;

pub use trust::{Trust, TrustError, credulous};
