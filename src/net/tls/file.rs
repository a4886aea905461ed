//! A certificate in files, which are read again when they change.

use std::fs;
use std::path::Path;

use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::certificate::{Certificate, ShownCertificate};
use super::error::TlsError;
use super::watch::Watched;
use crate::config::CertificateFiles;
use crate::telemetry::metrics;

/// A certificate and its key in two files.
#[derive(Clone, Debug)]
pub struct CertificateFile {
    files: CertificateFiles,
    shown: ShownCertificate,
    watched: Watched,
}

impl CertificateFile {
    /// Reads the files and uses their certificate.
    ///
    /// # Errors
    /// They contain no certificate that is valid now.
    pub fn open(files: CertificateFiles) -> Result<Self, TlsError> {
        let watched = Watched::new([files.certificate.clone(), files.key.clone()]);
        let file = Self { files, shown: ShownCertificate::default(), watched };
        file.shown.show(read(&file.files)?);
        Ok(file)
    }

    /// The certificate that handshakes use.
    pub fn shown(&self) -> ShownCertificate {
        self.shown.clone()
    }

    /// Starts a task that reads the files again on SIGHUP and when they change. If they contain no valid certificate, the
    /// old one stays in use, and the log and a metric report it.
    /// The task never ends by itself.
    ///
    /// # Errors
    /// No handler for SIGHUP could be installed.
    pub fn follow(self) -> Result<JoinHandle<()>, TlsError> {
        let Self { files, shown, watched } = self;
        watched.follow(move || {
            let read = read(&files);
            metrics::certificate_reloaded(read.is_ok());
            match read {
                Ok(certificate) => {
                    let expires_at = humantime::format_rfc3339_seconds(certificate.expires_at());
                    info!(event = "certificate_renewed", %expires_at, "the certificate was read again and is in use");
                    shown.show(certificate);
                }
                Err(error) => {
                    warn!(event = "certificate_kept", %error, "the certificate could not be read again, the old one stays in use: {error}");
                }
            }
        })
    }
}

fn read(files: &CertificateFiles) -> Result<Certificate, TlsError> {
    let CertificateFiles { certificate, key } = files;
    let (chain_pem, key_pem) = (contents(certificate)?, contents(key)?);
    Certificate::from_pem(&chain_pem, &key_pem).map_err(|error| match error {
        TlsError::NoKey | TlsError::Kind | TlsError::Mismatch => error.of(key),
        error => error.of(certificate),
    })
}

pub(super) fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
