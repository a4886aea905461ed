//! A private PostgreSQL and a private Kubo, for a registry that was given none.
//!
//! Both live below the data directory and belong to this process:
//!
//! | path | what |
//! |---|---|
//! | `lock` | held while a server uses the directory; a second one refuses |
//! | `postgres/` | the cluster, 0700, owned by whoever runs PostgreSQL |
//! | `run/` | the unix socket of PostgreSQL, 0700; its only way in |
//! | `ipfs/` | the repository of Kubo, 0700 |
//!
//! They end with the server in every way it can end. On a stop they are asked and awaited. When the server is killed
//! the kernel signals them (`child` says how), and the next start ends whatever is still there (`orphan`) before it
//! starts its own. When one of them dies alone it is started again (`supervise`) under the same address.
//! Directories are made under another name and renamed when complete, so a start that was cut leaves nothing half made.

mod child;
mod cluster;
mod command_partners;
mod data_dir;
mod error;
mod find;
mod kubo;
mod orphan;
mod partners;
mod ports;
mod postgres;
mod repository;
mod sockets;
mod supervise;
mod user;

pub use command_partners::CommandPartners;
pub use error::EmbeddedError;
pub use partners::Partners;
