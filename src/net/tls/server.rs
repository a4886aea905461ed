//! TLS of a listener: certificate, protocols, client certificates and session tickets.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::server::{NoServerSessionStorage, ServerConfig};
use tokio::task::JoinHandle;

use super::certificate::ShownCertificate;
use super::challenge::ChallengeCertificates;
use super::client::ClientRoots;
use super::error::TlsError;
use super::provider::builder;
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

/// TLS of a listener. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls(pub(super) Arc<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    shown: ShownCertificate,
    http2: bool,
    pub(super) challenges: Option<Arc<dyn ChallengeCertificates>>,
    tickets: Option<Arc<EpochSealer>>,
    current: RwLock<Current>,
}

/// What new handshakes use.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) config: Arc<ServerConfig>,
    pub(super) client_roots: Option<ClientRoots>,
}

impl ServerTls {
    /// Uses the certificate `shown`.
    ///
    /// # Errors
    /// The TLS library refuses its configuration.
    pub fn new(shown: ShownCertificate, options: TlsOptions) -> Result<Self, TlsError> {
        let TlsOptions { http2, client_roots, challenges, tickets } = options;
        let tickets = tickets.map(Arc::new);
        let current = RwLock::new(Current::new(&shown, http2, client_roots, tickets.as_ref())?);
        Ok(Self(Arc::new(Parts { shown, http2, challenges, tickets, current })))
    }

    /// Starts a task that reads the authorities for client certificates again when their files change, if there are
    /// any. New handshakes use what it reads, and a session that began under other authorities is not resumed. Open
    /// connections stay.
    ///
    /// # Errors
    /// No handler for SIGHUP could be installed.
    pub fn follow_client_roots(&self) -> Result<Option<JoinHandle<()>>, TlsError> {
        let Some(roots) = self.0.current().client_roots else { return Ok(None) };
        let parts = Arc::clone(&self.0);
        let watch = roots.follow(move |roots| {
            let Parts { shown, http2, tickets, current, .. } = &*parts;
            let new = Current::new(shown, *http2, Some(roots), tickets.as_ref())?;
            *current.write().unwrap_or_else(PoisonError::into_inner) = new;
            Ok(())
        })?;
        Ok(Some(watch))
    }
}

impl Parts {
    pub(super) fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Current {
    fn new(
        shown: &ShownCertificate,
        http2: bool,
        client_roots: Option<ClientRoots>,
        tickets: Option<&Arc<EpochSealer>>,
    ) -> Result<Self, TlsError> {
        let builder = builder()?;
        let builder = match &client_roots {
            Some(roots) => builder.with_client_cert_verifier(roots.verifier()),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(shown.clone()));
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if http2 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        // A session that is kept in memory could be resumed at this instance only. Tickets work at all instances.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(sealer) = tickets {
            let context = client_roots.as_ref().map(|roots| roots.pem().to_vec());
            config.ticketer =
                Arc::new(Tickets::new(Arc::clone(sealer), context.unwrap_or_default()));
        }
        Ok(Self { config: Arc::new(config), client_roots })
    }
}
