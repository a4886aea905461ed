//! Validation by TLS-ALPN-01 (RFC 8737), as a listener sees it.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use super::certificate::Certificate;

/// The protocol name of a validation by TLS-ALPN-01.
pub(super) const ACME_TLS: &[u8] = b"acme-tls/1";

/// Certificates that prove to an ACME server that a name is ours.
pub trait ChallengeCertificates: Debug + Send + Sync {
    /// The certificate for a validation of `server_name`, or `None` when none is under way. It is made by
    /// [`Certificate::for_challenge`]. The handshake waits for it, within its time limit.
    fn challenge<'a>(
        &'a self,
        server_name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Certificate>> + Send + 'a>>;
}
