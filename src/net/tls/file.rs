//! A certificate that lies in files.

use std::fs;
use std::path::Path;

use super::{Certificate, ShownCertificate, TlsError};
use crate::config::CertificateFiles;

/// A certificate and key in two files, and where it is shown.
#[derive(Clone, Debug)]
pub struct CertificateFile {
    files: CertificateFiles,
    shown: ShownCertificate,
}

impl CertificateFile {
    /// Reads the files and shows what they hold.
    ///
    /// # Errors
    /// They hold no certificate that can be shown now.
    pub fn open(files: CertificateFiles) -> Result<Self, TlsError> {
        let file = Self { files, shown: ShownCertificate::default() };
        file.shown.show(file.read()?);
        Ok(file)
    }

    /// Where it is shown.
    pub fn shown(&self) -> ShownCertificate {
        self.shown.clone()
    }

    fn read(&self) -> Result<Certificate, TlsError> {
        let CertificateFiles { certificate, key } = &self.files;
        let (chain_pem, key_pem) = (read(certificate)?, read(key)?);
        Certificate::from_pem(&chain_pem, &key_pem).map_err(|error| match error {
            TlsError::NoKey | TlsError::Kind | TlsError::Mismatch => error.of(key),
            error => error.of(certificate),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
