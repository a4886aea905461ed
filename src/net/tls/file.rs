//! A certificate in files, which are read again when they change.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use super::certificate::{Certificate, ShownCertificate};
use super::error::TlsError;
use crate::config::CertificateFiles;
use crate::telemetry::metrics;

/// How often the files are checked. A check costs two system calls.
const LOOK_TIME: Duration = Duration::from_secs(2);

/// A certificate and its key in two files.
#[derive(Clone, Debug)]
pub struct CertificateFile {
    files: CertificateFiles,
    shown: ShownCertificate,
    /// Versions of the files when they were last read.
    seen: Versions,
}

impl CertificateFile {
    /// Reads the files and uses their certificate.
    ///
    /// # Errors
    /// They contain no certificate that is valid now.
    pub fn open(files: CertificateFiles) -> Result<Self, TlsError> {
        let seen = Versions::of(&files);
        let file = Self { files, shown: ShownCertificate::default(), seen };
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
    pub fn follow(mut self) -> Result<JoinHandle<()>, TlsError> {
        let mut hangup = signal(SignalKind::hangup()).map_err(TlsError::Signal)?;
        Ok(tokio::spawn(async move {
            loop {
                let asked = tokio::select! {
                    _ = hangup.recv() => true,
                    () = sleep(LOOK_TIME) => false,
                };
                // Reading files blocks the thread.
                let next = tokio::task::spawn_blocking(move || {
                    self.check(asked);
                    self
                });
                match next.await {
                    Ok(next) => self = next,
                    Err(error) => return warn!(event = "certificate_unwatched", %error),
                }
            }
        }))
    }

    /// Reads the files if they changed, or if `anyway` is set.
    fn check(&mut self, anyway: bool) {
        // Taken before the files are read: a change in between is noticed at the next check.
        let versions = Versions::of(&self.files);
        if versions == self.seen && !anyway {
            return;
        }
        self.seen = versions;
        let read = read(&self.files);
        metrics::certificate_reloaded(read.is_ok());
        match read {
            Ok(certificate) => {
                let expires_at = humantime::format_rfc3339_seconds(certificate.expires_at());
                info!(event = "certificate_renewed", %expires_at, "the certificate was read again and is in use");
                self.shown.show(certificate);
            }
            Err(error) => {
                warn!(event = "certificate_kept", %error, "the certificate could not be read again, the old one stays in use: {error}");
            }
        }
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

fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

/// Versions of certificate and key. Links are resolved: Kubernetes does not change the files, but a link to their folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Versions([Option<Version>; 2]);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Versions {
    fn of(files: &CertificateFiles) -> Self {
        let version = |path: &Path| fs::metadata(path).ok().map(|file| Version::of(&file));
        Self([version(&files.certificate), version(&files.key)])
    }
}

impl Version {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }
}
