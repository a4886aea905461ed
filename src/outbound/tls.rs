//! TLS on connections that this program opens.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;

use super::trust::{Trust, TrustError};

/// How TLS is spoken with servers. The default reaches no `https://` address. Cheap to clone.
#[derive(Clone, Default)]
pub struct ClientTls(Option<Arc<ClientConfig>>);

impl ClientTls {
    /// Verifies that a server has a certificate for its name by one of these authorities.
    ///
    /// # Errors
    /// [`TrustError::Setup`].
    pub fn verified_by(trust: &Trust) -> Result<Self, TrustError> {
        let mut client = trust.client()?;
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Some(Arc::new(client))))
    }

    pub(super) fn config(&self) -> Option<Arc<ClientConfig>> {
        self.0.clone()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ClientTls(verified)" } else { "ClientTls(none)" })
    }
}
