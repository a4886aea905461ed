//! The parts that tests are built from: real partners, which are started once and end with the test process, real servers
//! that use them, and a client.

pub(crate) mod activation;
pub(crate) mod authority;
#[path = "../../../loadtest/three/balance.rs"]
pub(crate) mod balance;
pub(crate) mod cable;
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod collector;
pub(crate) mod daemon;
pub(crate) mod dice;
pub(crate) mod fleet;
pub(crate) mod kubo;
pub(crate) mod launch;
pub(crate) mod layout;
pub(crate) mod load;
pub(crate) mod meddler;
pub(crate) mod pebble;
pub(crate) mod pins;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod terminator;
pub(crate) mod tunnel;
pub(crate) mod whole;

pub(crate) use kubo::kubo;
pub(crate) use postgres::{Database, database};
