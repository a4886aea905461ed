//! A certificate with its key, and the one that is shown now.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use rustls::Error::InconsistentKeys;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;

use super::error::TlsError;
use super::provider::provider;
use crate::telemetry::metrics;

/// A certificate chain with its private key. `Debug` tells nothing of the key.
#[derive(Clone)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    expires_at: SystemTime,
}

impl Certificate {
    /// Reads chain and key, both PEM: the server's own certificate first; the key as PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// They cannot be read, do not fit each other, or the certificate is not in date.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let certificate = Self::for_challenge(chain, key)?;
        match certificate.key.keys_match() {
            Ok(()) => {}
            Err(InconsistentKeys(_)) => return Err(TlsError::Mismatch),
            Err(error) => return Err(TlsError::Garbled(error.to_string())),
        }
        certificate.check_date(SystemTime::now())?;
        Ok(certificate)
    }

    /// The same without a look at whether they fit and are in date: the certificate of a challenge has an extension
    /// that only its ACME server understands.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn for_challenge(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::Garbled(error.to_string()))?;
        let leaf = chain.first().ok_or(TlsError::NoCertificate)?;
        let (_, leaf) = parse_x509_certificate(leaf)
            .map_err(|_| TlsError::Garbled("it is not X.509".to_owned()))?;
        let expires_at = time(leaf.validity().not_after.timestamp());
        // What is wrong with a key is not said: the words could be the key's.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::NoKey)?;
        let key = provider().key_provider.load_private_key(key).map_err(|_| TlsError::Kind)?;
        Ok(Self { key: Arc::new(CertifiedKey::new(chain, key)), expires_at })
    }

    pub(super) fn check_date(&self, now: SystemTime) -> Result<(), TlsError> {
        let begins_at = self.key.cert.first().and_then(|leaf| {
            let (_, leaf) = parse_x509_certificate(leaf).ok()?;
            Some(time(leaf.validity().not_before.timestamp()))
        });
        let shown = |at: SystemTime| humantime::format_rfc3339_seconds(at).to_string();
        match begins_at {
            Some(begins_at) if now < begins_at => Err(TlsError::NotYet(shown(begins_at))),
            _ if self.expires_at <= now => Err(TlsError::Expired(shown(self.expires_at))),
            _ => Ok(()),
        }
    }

    /// When it expires.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("chain", &self.key.cert.len())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// `seconds` since 1970; what lies before is 1970 itself.
fn time(seconds: i64) -> SystemTime {
    // Year 9999, beyond which a date cannot be written.
    let seconds = u64::try_from(seconds).unwrap_or(0).min(253_402_300_799);
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The certificate that new handshakes get. All clones are one.
///
/// Until there is one, handshakes fail with an alert.
#[derive(Clone, Debug, Default)]
pub struct ShownCertificate(Arc<ArcSwapOption<Certificate>>);

impl ShownCertificate {
    /// Shows `certificate` from now on. Open connections stay as they are.
    pub fn show(&self, certificate: Certificate) {
        let expires_at = certificate.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        metrics::certificate_expires(expires_at);
        self.0.store(Some(Arc::new(certificate)));
    }

    /// When the one that is shown expires; `None` while there is none.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.load().as_ref().map(|certificate| certificate.expires_at)
    }
}

impl ResolvesServerCert for ShownCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|certificate| Arc::clone(&certificate.key))
    }
}
