//! Validation of names by TLS-ALPN-01 (RFC 8737), as a listener sees it.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use super::certificate::Certificate;

/// The protocol name of a validation by TLS-ALPN-01.
pub(super) const ACME_TLS: &[u8] = b"acme-tls/1";

/// Certificates that prove to an ACME server that this server has a name.
pub trait ChallengeCertificates: Debug + Send + Sync {
    /// Finds the certificate for a validation of `server_name`, made by [`Certificate::for_challenge`]. `None` when no
    /// validation of this name is expected. The handshake waits for it, within its time limit.
    fn challenge<'a>(
        &'a self,
        server_name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Certificate>> + Send + 'a>>;
}
