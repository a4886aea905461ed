//! This machine: the disk of private partners, and the files of the certificate.

use std::time::{Duration, SystemTime};

use super::finding::{Findings, Level};
use crate::cli::progress::size;
use crate::config::Config;
use crate::net::CertificateFile;

const DAY: Duration = Duration::from_secs(86_400);
/// A certificate that expires so soon was not renewed in time.
const SOON: Duration = DAY.saturating_mul(14);
const NOW: Duration = DAY.saturating_mul(3);

/// Looks at the disk and the certificate.
pub(super) fn look(config: &Config, findings: &mut Findings) {
    if config.postgres.is_none() || config.kubo.is_none() {
        disk(config, findings);
    }
    if let Some(files) = &config.tls.files {
        match CertificateFile::open(files.clone()) {
            Ok(file) => certificate(file.shown().expires_at(), findings),
            Err(error) => findings.add(Level::Broken, "tls", error.to_string()).means(
                "the server does not start, or keeps the certificate that it read before",
                "put a certificate and its key into OPEN_REGISTRY_TLS_CERT_FILE and OPEN_REGISTRY_TLS_KEY_FILE",
            ),
        }
    }
}

fn certificate(expires_at: Option<SystemTime>, findings: &mut Findings) {
    let Some(expires_at) = expires_at else { return };
    let left = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
    let text = format!(
        "the certificate expires at {}, in {} days",
        humantime::format_rfc3339_seconds(expires_at),
        left.as_secs() / DAY.as_secs()
    );
    let level = match left {
        left if left < NOW => Level::Broken,
        left if left < SOON => Level::Warning,
        _ => return findings.fine("tls", text),
    };
    findings.add(level, "tls", text).means(
        "clients refuse to connect after that",
        "renew it; the server reads the files again when they change",
    );
}

fn disk(config: &Config, findings: &mut Findings) {
    let Ok(disk) = rustix::fs::statvfs(&config.data_dir) else { return };
    let block = disk.f_frsize;
    let (free, all) = (disk.f_bavail.saturating_mul(block), disk.f_blocks.saturating_mul(block));
    let path = config.data_dir.display();
    let text = format!("{} of {} are free at {path}", size(free), size(all));
    if free < config.data_dir_free {
        findings.add(Level::Broken, "disk", text).means(
            format!(
                "uploads are refused, because less than OPEN_REGISTRY_DATA_DIR_FREE ({}) is free",
                size(config.data_dir_free)
            ),
            "make room on the disk, or lower the setting",
        );
    } else if free < all / 20 {
        findings.add(Level::Warning, "disk", text).means(
            "uploads will be refused soon",
            "make room on the disk, or delete images and wait until their space comes back",
        );
    } else {
        findings.fine("disk", text);
    }
    if disk.f_files > 0 && disk.f_favail < disk.f_files / 20 {
        let (free, all) = (disk.f_favail, disk.f_files);
        findings
            .add(Level::Warning, "disk", format!("{free} of {all} inodes are free at {path}"))
            .means(
                "no block can be stored when there is none left, though bytes are free",
                "move the data directory to a file system with more inodes",
            );
    }
}
