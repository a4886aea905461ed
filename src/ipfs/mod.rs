//! The client of Kubo: its RPC API, its gateway, and the dag-pb trees that it stores.
//!
//! Written on bare HTTP/1 connections, one for each transfer: [`begin_add`](Kubo::begin_add) streams a file in,
//! [`read`](Kubo::read) streams one out, the rest are small calls. What a blob or an upload is, and what a pin is for,
//! may not live here.
//!
//! Reads are local: they fail at once when the node does not hold a block, and never wait for a network. A node of an IPFS
//! Cluster is another matter: it fetches what only the others hold. `way` says which calls go to its proxy.
//!
//! A node may restart: calls that do no harm twice wait for it (`patience`), and a read goes on from the byte that it has
//! reached (`resume`). The bytes of an add are gone with the connection, so an add fails.

mod add;
mod answer;
mod block;
mod call;
mod collect;
mod error;
mod inspect;
mod kubo;
mod measure;
mod multipart;
mod origin;
mod patience;
mod pin;
mod publicity;
mod read;
mod ready;
mod resume;
mod root;
mod rpc;
mod source;
mod spare;
#[cfg(test)]
mod tests;
mod way;

pub use add::{Add, Added};
pub use block::Block;
pub use collect::{Collected, PinSet};
pub use error::IpfsError;
pub use inspect::NodeSettings;
pub use kubo::Kubo;
pub use measure::{Bandwidth, RepositorySize};
pub use pin::UnpinError;
pub use read::ReadBody;
pub use spare::Spare;
