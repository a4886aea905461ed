//! Certificates of clients: which are trusted, and which user they name.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::error::TlsError;
use crate::config::ClientUser;

/// The identity in a client certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The name in the certificate that is the user name, as the setting chooses it.
    pub user: String,
}

/// The certificate authorities that may issue client certificates.
#[derive(Clone)]
pub struct ClientRoots {
    store: Arc<RootCertStore>,
    pem: Vec<u8>,
    user: ClientUser,
}

impl ClientRoots {
    /// Reads the authorities from the PEM file `path`. `user` chooses the name in a client certificate.
    ///
    /// # Errors
    /// The file cannot be read or contains no certificate.
    pub fn read(path: &Path, user: ClientUser) -> Result<Self, TlsError> {
        let pem =
            fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&pem) {
            let added = root
                .map_err(|error| error.to_string())
                .and_then(|root| store.add(root).map_err(|error| error.to_string()));
            added.map_err(|error| TlsError::Garbled(error).of(path))?;
        }
        if store.is_empty() {
            return Err(TlsError::NoCertificate.of(path));
        }
        Ok(Self { store: Arc::new(store), pem, user })
    }

    /// The text of the file. TLS sessions are bound to it.
    pub(super) fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// Accepts clients without a certificate, and refuses a certificate of any other authority.
    pub(super) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.store), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| TlsError::Garbled(error.to_string()))
    }

    /// Reads the identity from a verified certificate. A resumed session has the certificate it began with, which may
    /// have expired since then.
    pub(super) fn identify(&self, chain: &[CertificateDer<'_>]) -> Option<ClientIdentity> {
        let (_, leaf) = parse_x509_certificate(chain.first()?).ok()?;
        if !leaf.validity().is_valid() {
            return None;
        }
        let user = match self.user {
            ClientUser::CommonName => common_name(&leaf),
            ClientUser::Dns => alternative(&leaf, |name| match name {
                GeneralName::DNSName(name) => Some(*name),
                _ => None,
            }),
            ClientUser::Email => alternative(&leaf, |name| match name {
                GeneralName::RFC822Name(name) => Some(*name),
                _ => None,
            }),
        };
        user.filter(|user| !user.is_empty()).map(|user| ClientIdentity { user })
    }
}

impl fmt::Debug for ClientRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRoots")
            .field("roots", &self.store.len())
            .field("pem_bytes", &self.pem.len())
            .field("user", &self.user)
            .finish()
    }
}

/// Returns the common name. A certificate with two of them names no user.
fn common_name(leaf: &X509Certificate<'_>) -> Option<String> {
    let mut names = leaf.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    names.next().is_none().then_some(name)
}

/// Returns the first alternative name that `pick` accepts.
fn alternative<'a>(
    leaf: &'a X509Certificate<'a>,
    pick: impl for<'n> Fn(&'n GeneralName<'a>) -> Option<&'a str>,
) -> Option<String> {
    let names = leaf.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(pick).map(str::to_owned)
}
