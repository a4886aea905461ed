//! TLS on connections that this program opens.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;

use super::trust::{Trust, TrustError};

/// TLS towards servers. The default trusts no authority, so `https://` addresses cannot be reached. Cheap to clone.
#[derive(Clone, Default)]
pub struct ClientTls(Option<Arc<ClientConfig>>);

impl ClientTls {
    /// Accepts servers with a certificate for their name that one of these authorities issued.
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
