//! https: which certificate is shown, to whom, and how a handshake is made.
//!
//! - [`Certificate`] is a chain with its key, checked to fit each other and to be in date.
//! - [`ShownCertificate`] is the one that new handshakes get. Whoever has a better one calls
//!   [`show`](ShownCertificate::show), from any task, as often as it likes; open connections keep what they have.
//!   Files do so by [`CertificateFile`]; another source needs nothing but this call.
//! - [`ChallengeCertificates`] answers validation by TLS-ALPN-01 (RFC 8737): it is asked in mid-handshake, only for
//!   clients that offer `acme-tls/1` alone, and such a connection ends with its handshake.

mod acceptor;
mod certificate;
mod client;
mod error;
mod file;
mod tickets;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite as suite, default_provider};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, SupportedCipherSuite, WantsVerifier};

pub(super) use acceptor::{Flaw, Handshaken, SecureStream};
pub use certificate::{Certificate, ShownCertificate};
pub use client::{ClientIdentity, ClientRoots};
pub use error::TlsError;
pub use file::CertificateFile;

use tickets::Tickets;

use crate::seal::EpochSealer;

/// The protocol name of a validation by TLS-ALPN-01.
const ACME_TLS: &[u8] = b"acme-tls/1";

/// AES-128 first: the fastest here by far, and as strong as the rest of a handshake.
const SUITES: [SupportedCipherSuite; 9] = [
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Certificates that prove to an ACME server that a name is ours.
pub trait ChallengeCertificates: Debug + Send + Sync {
    /// The certificate for a validation of `server_name`, or `None` when none is under way. It is made by
    /// [`Certificate::for_challenge`]. The handshake waits for it, within its time limit.
    fn challenge<'a>(
        &'a self,
        server_name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Certificate>> + Send + 'a>>;
}

/// What a listener that speaks TLS offers.
#[derive(Debug, Default)]
pub struct TlsOptions {
    /// Whether `h2` is offered beside `http/1.1`.
    pub http2: bool,
    /// Who vouches for certificates of clients; `None` asks for none.
    pub client_roots: Option<ClientRoots>,
    /// Who answers validations by TLS-ALPN-01.
    pub challenges: Option<Arc<dyn ChallengeCertificates>>,
    /// Seals session tickets. Without it no session is resumed.
    pub tickets: Option<EpochSealer>,
}

/// How a listener speaks TLS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    config: Arc<ServerConfig>,
    client_roots: Option<ClientRoots>,
    challenges: Option<Arc<dyn ChallengeCertificates>>,
}

impl Tls {
    /// Shows `shown` to everybody.
    ///
    /// # Errors
    /// The roots of client certificates are none.
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
        // Sessions that are kept here would be of use to this instance alone.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(sealer) = tickets {
            let context = client_roots.as_ref().map(|roots| roots.pem().to_vec());
            config.ticketer = Arc::new(Tickets::new(sealer, context.unwrap_or_default()));
        }
        Ok(Self(Arc::new(Parts { config: Arc::new(config), client_roots, challenges })))
    }
}

/// TLS 1.2 and 1.3 with the suites above.
fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, TlsError> {
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::Setup)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { cipher_suites: SUITES.to_vec(), ..default_provider() })
}

#[cfg(test)]
mod tests;
