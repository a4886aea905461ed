//! How a listener speaks TLS.

use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, ServerConfig};

use super::certificate::ShownCertificate;
use super::challenge::ChallengeCertificates;
use super::client::ClientRoots;
use super::error::TlsError;
use super::provider::{builder, provider};
use super::tickets::Tickets;
use crate::seal::EpochSealer;

/// Options of a listener that speaks TLS.
#[derive(Debug, Default)]
pub struct TlsOptions {
    /// Whether `h2` is offered beside `http/1.1`.
    pub http2: bool,
    /// Authorities for client certificates. Without them clients are not asked for a certificate.
    pub client_roots: Option<ClientRoots>,
    /// Source of the certificates for validations by TLS-ALPN-01.
    pub challenges: Option<Arc<dyn ChallengeCertificates>>,
    /// Seals session tickets. Without it no session is resumed.
    pub tickets: Option<EpochSealer>,
}

/// How a listener speaks TLS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls(pub(super) Arc<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_roots: Option<ClientRoots>,
    pub(super) challenges: Option<Arc<dyn ChallengeCertificates>>,
}

impl ServerTls {
    /// Uses the certificate `shown`.
    ///
    /// # Errors
    /// The authorities for client certificates cannot be used.
    pub fn new(shown: ShownCertificate, options: TlsOptions) -> Result<Self, TlsError> {
        let TlsOptions { http2, client_roots, challenges, tickets } = options;
        let builder = builder()?;
        let builder = match &client_roots {
            Some(roots) => builder.with_client_cert_verifier(roots.verifier(provider())?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(shown));
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if http2 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        // A session that is kept in memory could be resumed at this instance only. Tickets work at all instances.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(sealer) = tickets {
            let context = client_roots.as_ref().map(|roots| roots.pem().to_vec());
            config.ticketer = Arc::new(Tickets::new(sealer, context.unwrap_or_default()));
        }
        Ok(Self(Arc::new(Parts { config: Arc::new(config), client_roots, challenges })))
    }
}
