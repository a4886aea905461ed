//! The free space on the disk of private partners. An upload that begins when little is left is refused, since a full disk
//! would stop PostgreSQL for every tenant.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use super::RegistryError;
use super::remembered::Remembered;
use crate::telemetry::metrics;

/// Longest wait for the disk. If it does not answer, the upload begins: its own calls find out.
const PATIENCE: Duration = Duration::from_secs(1);

/// The disk that private partners share, and the space that must stay free on it.
#[derive(Debug)]
pub struct FreeDisk {
    path: PathBuf,
    least: u64,
    free: Remembered<Option<u64>>,
}

impl FreeDisk {
    /// Keeps `least` bytes free on the disk that holds `path`.
    pub fn new(path: PathBuf, least: u64) -> Self {
        Self { path, least, free: Remembered::default() }
    }

    /// Looks at the disk, for the metrics.
    pub(super) async fn publish(&self) {
        self.free.get(|| self.ask()).await;
    }

    /// Fails when less is free.
    ///
    /// # Errors
    /// [`RegistryError::DiskFull`].
    pub(super) async fn check(&self) -> Result<(), RegistryError> {
        match self.free.get(|| self.ask()).await {
            Some(free) if free < self.least => {
                Err(RegistryError::DiskFull { free, least: self.least })
            }
            _ => Ok(()),
        }
    }

    /// The bytes that an ordinary user may still write. `None` if the disk does not tell. Logs when they are too few.
    async fn ask(&self) -> Option<u64> {
        let free = self.measure().await?;
        if free < self.least {
            warn!(
                event = "disk_nearly_full", path = %self.path.display(), free, least = self.least,
                "the disk of the private PostgreSQL and Kubo is nearly full, and uploads are refused; make room on it, or \
                 lower OPEN_REGISTRY_DATA_DIR_FREE"
            );
        }
        Some(free)
    }

    async fn measure(&self) -> Option<u64> {
        let path = self.path.clone();
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&path));
        let disk = timeout(PATIENCE, asked).await.ok()?.ok()?.ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        metrics::data_disk(free, disk.f_blocks.saturating_mul(disk.f_frsize));
        Some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn little_space_is_refused_with_its_numbers() {
        let here = std::env::temp_dir();
        assert!(FreeDisk::new(here.clone(), 1).check().await.is_ok());
        let greedy = FreeDisk::new(here, u64::MAX);
        for _ in 0..2 {
            let error = greedy.check().await.unwrap_err();
            assert!(matches!(error, RegistryError::DiskFull { least: u64::MAX, free } if free > 0));
        }
        let nowhere = FreeDisk::new("/nonexistent".into(), u64::MAX);
        assert!(nowhere.check().await.is_ok(), "no answer refuses nothing");
    }
}
