//! Certificate authorities that this program trusts as a client: of PostgreSQL, of Kubo, and of an ACME directory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;

/// Why there are no certificate authorities to trust.
#[derive(Debug, Error)]
pub enum TrustError {
    /// A file cannot be read or is not PEM.
    #[error("`{path}`: {reason}", path = path.display())]
    #[allow(missing_docs, reason = "the fields are their names")]
    File { path: PathBuf, reason: String },
    /// The system has no certificate authorities in the usual places.
    #[error(
        "the system has no certificate authorities{0}; install them (Debian: ca-certificates) or name a file"
    )]
    System(String),
    /// The TLS library refused its configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Trusted certificate authorities. Cheap to clone.
#[derive(Clone)]
pub struct Trust(Arc<RootCertStore>);

impl Trust {
    /// Reads the authorities from a PEM file, or those of the system.
    pub fn of(file: Option<&Path>) -> Result<Self, TrustError> {
        match file {
            Some(path) => Self::in_file(path),
            None => Self::system(),
        }
    }

    fn in_file(path: &Path) -> Result<Self, TrustError> {
        let bad = |reason: String| TrustError::File { path: path.to_owned(), reason };
        let mut roots = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| bad(reason(error)))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| bad(reason(error)))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("contains no certificate in PEM form".to_owned()));
        }
        Ok(Self(Arc::new(roots)))
    }

    fn system() -> Result<Self, TrustError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Some systems have old certificates that the TLS library cannot read. No server uses them any more.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map(|error| format!(" ({error})"));
            return Err(TrustError::System(why.unwrap_or_default()));
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Configuration of a client that verifies servers: a trusted authority issued the certificate, for the right name.
    pub fn client(&self) -> Result<ClientConfig, TrustError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?;
        Ok(config.with_root_certificates(Arc::clone(&self.0)).with_no_client_auth())
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} authorities)", self.0.len())
    }
}

/// Configuration of a client that accepts every server. Protects against eavesdroppers, not against an active attacker.
pub fn unverified() -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Unverified(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(config.with_no_client_auth())
}

/// Accepts every certificate and every signature.
///
/// An attacker in between could present a certificate of their own, so verifying only the signatures would prove nothing.
/// It would merely refuse the version 1 certificates that older versions of `openssl` make.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The error of a PEM file in words.
fn reason(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "contains no certificate in PEM form".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn all_authorities_in_a_file_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let one = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        let file = written(&format!("a comment\n{one}\n{one}"));
        let trust = Trust::of(Some(file.path())).unwrap();
        assert_eq!(format!("{trust:?}"), "Trust(2 authorities)");
        trust.client().unwrap();
        unverified().unwrap();
    }

    #[test]
    fn an_error_names_the_file() {
        for text in
            ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            let file = written(text);
            let told = Trust::of(Some(file.path())).unwrap_err().to_string();
            assert!(told.contains(file.path().to_str().unwrap()), "{told}");
        }
        let told = Trust::of(Some(Path::new("/nonexistent"))).unwrap_err().to_string();
        assert!(told.contains("`/nonexistent`: No such file"), "{told}");
    }
}
