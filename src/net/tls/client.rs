//! Certificates of clients: whose are believed, and which user they name.

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

/// Who a client's certificate says it is; it led to one of our roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The name that is the user, by the setting.
    pub user: String,
}

/// Roots of client certificates.
#[derive(Clone)]
pub struct ClientRoots {
    store: Arc<RootCertStore>,
    pem: Vec<u8>,
    user: ClientUser,
}

impl ClientRoots {
    /// Reads the roots in the PEM file `path`; `user` says which name of a client's certificate counts.
    ///
    /// # Errors
    /// The file cannot be read or holds no certificate.
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

    /// The text they came from: what a session begun under them is bound to.
    pub(super) fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// Lets clients without a certificate in, and no client with one of somebody else.
    pub(super) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.store), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| TlsError::Garbled(error.to_string()))
    }

    /// Who a verified certificate says its owner is. A resumed session brings the certificate it began with, which
    /// may have run out since.
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

/// The one common name; with two of them a certificate names nobody.
fn common_name(leaf: &X509Certificate<'_>) -> Option<String> {
    let mut names = leaf.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    names.next().is_none().then_some(name)
}

/// The first alternative name of the kind that `pick` picks.
fn alternative<'a>(
    leaf: &'a X509Certificate<'a>,
    pick: impl for<'n> Fn(&'n GeneralName<'a>) -> Option<&'a str>,
) -> Option<String> {
    let names = leaf.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(pick).map(str::to_owned)
}
