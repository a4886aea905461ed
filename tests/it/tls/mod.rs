//! TLS as other programs see it: handshakes, refusals, and new certificates.

mod abuse;
mod authority;
mod flood;
mod frames;
mod handshake;
mod http2;
mod inside;
mod refused;
mod reload;
mod visitor;

use authority::{Authority, Files};

use crate::rig::server::{Builder, builder};

/// A server that uses the certificate in `files`.
async fn secured(files: &Files) -> Builder {
    files.given_to(builder().await).env("OPEN_REGISTRY_AUTH", "none")
}
