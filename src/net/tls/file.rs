//! A certificate that lies in files, and is read again when they change.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tracing::{info, warn};

use super::certificate::{Certificate, ShownCertificate};
use super::error::TlsError;
use crate::config::CertificateFiles;
use crate::telemetry::metrics;

/// How often the files are looked at. A look costs two system calls.
const LOOK_TIME: Duration = Duration::from_secs(2);

/// A certificate and key in two files, and where it is shown.
#[derive(Clone, Debug)]
pub struct CertificateFile {
    files: CertificateFiles,
    shown: ShownCertificate,
    /// What the files looked like before they were last read.
    seen: Looks,
}

impl CertificateFile {
    /// Reads the files and shows what they hold.
    ///
    /// # Errors
    /// They hold no certificate that can be shown now.
    pub fn open(files: CertificateFiles) -> Result<Self, TlsError> {
        let seen = Looks::of(&files);
        let file = Self { files, shown: ShownCertificate::default(), seen };
        file.shown.show(read(&file.files)?);
        Ok(file)
    }

    /// Where it is shown.
    pub fn shown(&self) -> ShownCertificate {
        self.shown.clone()
    }

    /// Reads the files anew on SIGHUP and when they change, in a task of its own. What cannot be shown is not: the old
    /// certificate stays, the log and a metric tell.
    ///
    /// # Errors
    /// Signals cannot be waited for.
    pub fn follow(mut self) -> Result<(), TlsError> {
        let mut hangup = signal(SignalKind::hangup()).map_err(TlsError::Signal)?;
        tokio::spawn(async move {
            loop {
                let asked = tokio::select! {
                    _ = hangup.recv() => true,
                    () = sleep(LOOK_TIME) => false,
                };
                // A disk can be slow, and this is no thread to wait on one.
                let next = tokio::task::spawn_blocking(move || {
                    self.look(asked);
                    self
                });
                match next.await {
                    Ok(next) => self = next,
                    Err(error) => return warn!(event = "certificate_unwatched", %error),
                }
            }
        });
        Ok(())
    }

    /// Reads the files if they changed, or anyway.
    fn look(&mut self, anyway: bool) {
        // Before they are read: what changes meanwhile is seen the next time.
        let looks = Looks::of(&self.files);
        if looks == self.seen && !anyway {
            return;
        }
        self.seen = looks;
        let read = read(&self.files);
        metrics::certificate_reloaded(read.is_ok());
        match read {
            Ok(certificate) => {
                let expires_at = humantime::format_rfc3339_seconds(certificate.expires_at());
                info!(event = "certificate_renewed", %expires_at, "the certificate was read anew");
                self.shown.show(certificate);
            }
            Err(error) => {
                warn!(event = "certificate_kept", %error, "the old certificate stays: {error}");
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

/// What tells two versions of two files apart, links resolved: Kubernetes changes neither file but a link that leads
/// to both.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Looks([Option<Look>; 2]);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Looks {
    fn of(files: &CertificateFiles) -> Self {
        let look = |path: &Path| fs::metadata(path).ok().map(|of| Look::of(&of));
        Self([look(&files.certificate), look(&files.key)])
    }
}

impl Look {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }
}
