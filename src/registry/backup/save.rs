//! Making a backup while the registry serves.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::pin::pin;

use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::error::BackupError;
use super::file::{Header, NamedBlob, Writer};
use super::{AT_ONCE, Step, archive, sync};
use crate::ipfs::{IpfsError, Kubo};
use crate::store::{Settings, Snapshot};

/// What to back up, and where to.
pub struct Save<'s> {
    /// The database that is read.
    pub database: &'s Settings,
    /// Where the bytes of the blobs come from. `None` leaves them out.
    pub kubo: Option<&'s Kubo>,
    /// The directory, which may hold an earlier backup.
    pub directory: &'s Path,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// When the snapshot was taken, RFC 3339.
    pub taken_at: String,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Blobs that the snapshot names.
    pub blobs: u64,
    /// Archives that were written.
    pub archives_written: u64,
    /// Archives that were there already.
    pub archives_kept: u64,
    /// Digests of blobs whose bytes could not be read.
    pub missing: Vec<String>,
}

impl Save<'_> {
    /// Makes the backup. `progress` is told of each blob.
    ///
    /// # Errors
    /// Nothing that was there before is changed then.
    pub async fn run(&self, progress: impl Fn(Step)) -> Result<Saved, BackupError> {
        let directory = self.directory;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(BackupError::io("make", directory))?;
        let file = self.write_rows().await?;
        let reader = file.reader()?;
        let (taken_at, rows) = (reader.header.taken_at.clone(), reader.rows.clone());
        let (_, blobs) = reader.contents()?;
        let mut saved = Saved {
            taken_at,
            rows,
            blobs: blobs.len() as u64,
            archives_written: 0,
            archives_kept: 0,
            missing: Vec::new(),
        };
        if let Some(kubo) = self.kubo {
            self.write_archives(kubo, &blobs, &mut saved, progress).await?;
        }
        self.write_cids(&blobs)?;
        file.keep()?;
        Ok(saved)
    }

    /// Writes all tables. The transaction ends with this function, however long the blobs take.
    async fn write_rows(&self) -> Result<Writer, BackupError> {
        let snapshot = Snapshot::take(self.database).await?;
        let header = Header {
            schema: snapshot.schema(),
            taken_at: humantime::format_rfc3339_seconds(snapshot.taken_at()).to_string(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let mut file = Writer::create(self.directory, &header)?;
        for table in snapshot.tables() {
            file.table(table)?;
            let mut rows = snapshot.rows(table).await?;
            while let Some(piece) = rows.next().await? {
                file.rows(table, &piece)?;
            }
            file.end()?;
        }
        file.finish(snapshot.sequences().await?)?;
        Ok(file)
    }

    async fn write_archives(
        &self,
        kubo: &Kubo,
        blobs: &[NamedBlob],
        saved: &mut Saved,
        progress: impl Fn(Step),
    ) -> Result<(), BackupError> {
        let mut step = Step { of: blobs.len() as u64, ..Step::default() };
        let mut seen = HashSet::with_capacity(blobs.len());
        // Two digests of different algorithms may have one CID.
        let distinct = blobs.iter().filter(|blob| seen.insert(blob.cid));
        let written =
            stream::iter(distinct).map(async |blob| (blob, self.write_archive(kubo, blob).await));
        let mut written = pin!(written.buffer_unordered(AT_ONCE));
        while let Some((blob, written)) = written.next().await {
            match written {
                Ok(true) => saved.archives_written += 1,
                Ok(false) => saved.archives_kept += 1,
                Err(BackupError::Ipfs(IpfsError::Missing(_) | IpfsError::Broken(_))) => {
                    saved.missing.push(blob.digest.to_string());
                }
                Err(error) => return Err(error),
            }
            step.blobs += 1;
            step.bytes += blob.size;
            progress(step);
        }
        let archives = self.directory.join("blobs");
        // Without a blob there is no such directory.
        if archives.exists() {
            sync(&archives).map_err(BackupError::io("sync", &archives))?;
        }
        Ok(())
    }

    /// Writes the archive of a blob, unless it is there. Returns whether it did.
    async fn write_archive(&self, kubo: &Kubo, blob: &NamedBlob) -> Result<bool, BackupError> {
        if archive::path(self.directory, &blob.cid).exists() {
            return Ok(false);
        }
        archive::write(kubo, self.directory, blob).await?;
        Ok(true)
    }

    fn write_cids(&self, blobs: &[NamedBlob]) -> Result<(), BackupError> {
        let (new, path) = (self.directory.join("cids.new"), self.directory.join("cids"));
        let write = || {
            let mut options = OpenOptions::new();
            let file = options.create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            let mut out = BufWriter::new(file);
            for blob in blobs {
                writeln!(out, "{}", blob.cid)?;
            }
            out.into_inner()?.sync_all()?;
            fs::rename(&new, &path)?;
            sync(self.directory)
        };
        write().map_err(BackupError::io("write", &new))
    }
}
