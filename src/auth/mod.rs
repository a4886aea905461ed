//! Who asks, and what they may do.
//!
//! A handler that touches a repository takes an [`Authorized`] value, and only this room can build one. The one
//! policy so far is that whoever reaches the server may do everything: it listens on loopback only, unless the
//! operator says otherwise by name.

mod authorized;

pub use authorized::{Authorized, Caller, Delete, Pull, Push};
