//! https as other programs see it: what is agreed on, what is refused, and what a new certificate does.

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

/// A server that shows the certificate in `files`.
async fn secured(files: &Files) -> Builder {
    files.given_to(builder().await).env("OPEN_REGISTRY_AUTH", "none")
}
