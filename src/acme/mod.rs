//! Certificates by ACME (RFC 8555), validated by TLS-ALPN-01 (RFC 8737): one for all instances on a database.
//!
//! Every instance polls the database, serves the newest certificate that it finds there, and answers validations, also
//! those of orders that another instance placed. The instance that holds a lease in the database places the orders.
//! After a failed order no instance places another one until a pause is over. Private keys are sealed before they are
//! stored. This room opens no port and does not know where the sealing key comes from.

mod account;
mod challenge;
mod client;
mod error;
mod http;
mod keep;
mod order;

pub use client::Acme;
pub use error::AcmeError;
pub use keep::KeepCertificate;
