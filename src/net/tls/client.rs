//! Certificates of clients: which are trusted, and which user they name.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::error::TlsError;
use super::file::contents;
use super::provider::provider;
use super::watch::Watched;
use crate::config::{ClientFiles, ClientUser};
use crate::telemetry::metrics;

/// The identity in a client certificate that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The name in the certificate that is the user name, as the setting chooses it.
    pub user: String,
}

/// The certificate authorities that may issue client certificates, and the certificates that they revoked.
#[derive(Clone)]
pub struct ClientRoots {
    files: ClientFiles,
    watched: Watched,
    verifier: Arc<dyn ClientCertVerifier>,
    pem: Vec<u8>,
}

impl ClientRoots {
    /// Reads the authorities, and the revocation lists if there is a file for them.
    ///
    /// # Errors
    /// A file cannot be read, or contains no certificate or no list.
    pub fn read(files: ClientFiles) -> Result<Self, TlsError> {
        let paths = [Some(files.authorities.clone()), files.revocations.clone()];
        let watched = Watched::new(paths.into_iter().flatten());
        let mut pem = contents(&files.authorities)?;
        let authorities = authorities(&pem).map_err(|error| error.of(&files.authorities))?;
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider())
                .allow_unauthenticated();
        if let Some(path) = &files.revocations {
            let lists_pem = contents(path)?;
            builder = builder.with_crls(revocations(&lists_pem).map_err(|error| error.of(path))?);
            pem.extend(lists_pem);
        }
        let verifier = builder.build().map_err(|error| match (&files.revocations, error) {
            (Some(path), VerifierBuilderError::InvalidCrl(error)) => {
                TlsError::GarbledRevocations(format!("{error:?}")).of(path)
            }
            (_, error) => TlsError::Garbled(error.to_string()).of(&files.authorities),
        })?;
        Ok(Self { files, watched, verifier, pem })
    }

    /// The text of the files. TLS sessions are bound to it.
    pub(super) fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// Accepts clients without a certificate, and refuses a certificate that is revoked or of any other authority.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }

    /// Starts a task that reads the files again on SIGHUP and when they change, and passes the result to `replace`. If they
    /// cannot be used, the old authorities and lists stay in use, and the log and a metric report it.
    ///
    /// # Errors
    /// No handler for SIGHUP could be installed.
    pub(super) fn follow(
        &self,
        replace: impl Fn(Self) -> Result<(), TlsError> + Send + 'static,
    ) -> Result<JoinHandle<()>, TlsError> {
        let files = self.files.clone();
        self.watched.clone().follow(move || {
            let replaced = Self::read(files.clone()).and_then(&replace);
            metrics::certificate_reloaded(replaced.is_ok());
            match replaced {
                Ok(()) => {
                    info!(event = "client_authorities_renewed", "the authorities for client certificates were read again");
                }
                Err(error) => {
                    warn!(event = "client_authorities_kept", %error, "the authorities for client certificates could not be read again, the old ones stay in use: {error}");
                }
            }
        })
    }

    /// Reads the identity from a verified certificate. A resumed session has the certificate it began with, which may
    /// have expired since then.
    pub(super) fn identify(&self, chain: &[CertificateDer<'_>]) -> Option<ClientIdentity> {
        let (_, leaf) = parse_x509_certificate(chain.first()?).ok()?;
        if !leaf.validity().is_valid() {
            return None;
        }
        let user = match self.files.user {
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
            .field("files", &self.files)
            .field("pem_bytes", &self.pem.len())
            .finish()
    }
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(pem) {
        let added = authority
            .map_err(|error| error.to_string())
            .and_then(|authority| store.add(authority).map_err(|error| error.to_string()));
        added.map_err(TlsError::Garbled)?;
    }
    if store.is_empty() { Err(TlsError::NoCertificate) } else { Ok(store) }
}

fn revocations(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
    let lists = lists.map_err(|error| TlsError::GarbledRevocations(error.to_string()))?;
    if lists.is_empty() { Err(TlsError::NoRevocations) } else { Ok(lists) }
}

/// Returns the common name, if there is only one.
fn common_name(leaf: &X509Certificate<'_>) -> Option<String> {
    only(leaf.subject().iter_common_name())?.as_str().ok().map(str::to_owned)
}

/// Returns the alternative name that `pick` accepts, if there is only one.
fn alternative<'a>(
    leaf: &'a X509Certificate<'a>,
    pick: impl for<'n> Fn(&'n GeneralName<'a>) -> Option<&'a str>,
) -> Option<String> {
    let names = leaf.subject_alternative_name().ok()??;
    only(names.value.general_names.iter().filter_map(pick)).map(str::to_owned)
}

/// Returns the item of an iterator over one item. A certificate with two names of a kind names nobody.
fn only<T>(mut names: impl Iterator<Item = T>) -> Option<T> {
    let name = names.next()?;
    names.next().is_none().then_some(name)
}
