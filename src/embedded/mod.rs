//! A private PostgreSQL and a private Kubo, for a registry whose configuration names none.
//!
//! Both keep their data below the data directory and run as children of this process:
//!
//! | path | content |
//! |---|---|
//! | `lock` | a file that is locked while a server uses the directory, so that a second one refuses to start |
//! | `postgres/` | the database cluster, mode 0700, owned by the user that runs PostgreSQL |
//! | `run/` | the unix socket of PostgreSQL, mode 0700; PostgreSQL listens on nothing else |
//! | `run-kubo/` | the unix sockets of Kubo's RPC API and gateway, mode 0700; Kubo listens on nothing else |
//! | `ipfs/` | the repository of Kubo, mode 0700 |
//!
//! The programs end with the server, however it ends. A server that is told to stop signals them and waits. When the
//! server is killed, the kernel signals them (see `child`), and the next start ends those that are left (see `orphan`)
//! before it starts its own. A program that ends by itself is restarted at the same address (see `supervise`).
//! Directories are created under another name and renamed when they are complete, so that an interrupted start leaves
//! no incomplete ones.

mod child;
mod cluster;
mod command_partners;
mod data_dir;
mod error;
mod find;
mod kubo;
mod orphan;
mod partners;
mod postgres;
mod repository;
mod sockets;
mod supervise;
mod user;

pub use command_partners::CommandPartners;
pub use error::EmbeddedError;
pub use partners::Partners;
