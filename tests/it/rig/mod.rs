//! What the tests run on: real partners, started once on ports of their own and gone with the test process, real
//! servers over them, and a client that may be rude.

pub(crate) mod authority;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod kubo;
pub(crate) mod launch;
pub(crate) mod layout;
pub(crate) mod pebble;
pub(crate) mod pins;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod terminator;
pub(crate) mod tunnel;

pub(crate) use kubo::kubo;
pub(crate) use postgres::{Database, database};
