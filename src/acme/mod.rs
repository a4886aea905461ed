//! Certificates by ACME (RFC 8555), validated by TLS-ALPN-01 (RFC 8737): one for all instances on a database.
//!
//! Every instance looks at the database often, shows the newest certificate there and answers validations, whoever
//! ordered. Which one orders is settled there too: who takes the lease does, and while a failed order must be waited
//! out nobody does. Keys lie there sealed. What may not live here: a listener, and where the sealing key is from.

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
