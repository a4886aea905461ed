//! A certificate with its key, and the certificate that is in use.

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

/// A certificate chain with its private key. `Debug` prints nothing of the key.
#[derive(Clone)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    expires_at: SystemTime,
}

impl Certificate {
    /// Reads a chain and a key in PEM. The certificate of the server comes first; the key is PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// One of them cannot be read, they do not belong together, or the certificate is expired or not valid yet.
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

    /// Reads a chain and a key in PEM without checking that they belong together and are valid now. The certificate of a
    /// challenge has an extension that only its ACME server understands.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn for_challenge(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| TlsError::Garbled(error.to_string()))?;
        let leaf = chain.first().ok_or(TlsError::NoCertificate)?;
        let (_, leaf) = parse_x509_certificate(leaf)
            .map_err(|_| TlsError::Garbled("it is not X.509".to_owned()))?;
        let expires_at = time(leaf.validity().not_after.timestamp());
        // The error of the parser is dropped, because its text could quote the key.
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

    /// Time at which it expires.
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

/// Converts seconds since 1970. An earlier time becomes 1970.
fn time(seconds: i64) -> SystemTime {
    // The end of the year 9999. RFC 3339 cannot write a later date.
    let seconds = u64::try_from(seconds).unwrap_or(0).min(253_402_300_799);
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The certificate that new handshakes use. All clones share it.
///
/// Until there is one, handshakes fail with an alert.
#[derive(Clone, Debug, Default)]
pub struct ShownCertificate(Arc<ArcSwapOption<Certificate>>);

impl ShownCertificate {
    /// Uses `certificate` from now on. Open connections keep the one they have.
    pub fn show(&self, certificate: Certificate) {
        let expires_at = certificate.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        metrics::certificate_expires(expires_at);
        self.0.store(Some(Arc::new(certificate)));
    }

    /// Time at which the certificate in use expires. `None` while there is none.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.load().as_ref().map(|certificate| certificate.expires_at)
    }
}

impl ResolvesServerCert for ShownCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|certificate| Arc::clone(&certificate.key))
    }
}
