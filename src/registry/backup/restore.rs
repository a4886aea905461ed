//! Restoring a backup into an empty database and any Kubo.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::error::BackupError;
use super::file::{NamedBlob, Reader, Section};
use super::{AT_ONCE, Step, archive};
use crate::ipfs::{Block, IpfsError, Kubo};
use crate::store::{Loading, Settings};

/// Bytes of rows that are sent at once.
const PIECE: usize = 256 << 10;

/// What to restore, and where to.
pub struct Restore<'s> {
    /// The database, which must be empty.
    pub database: &'s Settings,
    /// The node that will hold the bytes. It may hold them already.
    pub kubo: &'s Kubo,
    /// The directory of the backup.
    pub directory: &'s Path,
    /// Time for each blob to come from the network, if the node has peers.
    pub fetch_time: Duration,
    /// Tables whose rows are not restored.
    pub without: &'s [&'static str],
}

/// What was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// When the snapshot was taken, RFC 3339.
    pub taken_at: String,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Blobs in the backup.
    pub blobs: u64,
    /// Blobs whose bytes Kubo held already.
    pub held: u64,
    /// Blobs whose bytes came from archives.
    pub imported: u64,
    /// Blobs whose bytes came from the network.
    pub fetched: u64,
    /// Digests of blobs without bytes. They are under quarantine until somebody pushes them.
    pub missing: Vec<String>,
}

/// Where the bytes of a blob came from.
enum Origin {
    Held,
    Archive,
    Network,
    Nowhere,
}

impl Restore<'_> {
    /// Restores everything, first the bytes and then the rows. `progress` is told of each blob.
    ///
    /// # Errors
    /// The database is as it was then. Kubo may hold some blobs more.
    pub async fn run(&self, progress: impl Fn(Step)) -> Result<Restored, BackupError> {
        let file = Reader::open(self.directory)?;
        let (header, rows) = (file.header.clone(), file.rows.clone());
        let (tables, blobs) = file.contents()?;
        // Before hours of work for the bytes.
        drop(Loading::begin(self.database, header.schema, &tables).await?);
        let mut restored = Restored {
            taken_at: header.taken_at,
            rows,
            blobs: blobs.len() as u64,
            ..Restored::default()
        };
        self.bytes(&blobs, &mut restored, progress).await?;
        let loading = Loading::begin(self.database, header.schema, &tables).await?;
        self.rows(&loading).await?;
        loading.quarantine(&restored.missing).await?;
        loading.commit().await?;
        restored.rows.retain(|table, _| !self.without.contains(&table.as_str()));
        Ok(restored)
    }

    async fn bytes(
        &self,
        blobs: &[NamedBlob],
        restored: &mut Restored,
        progress: impl Fn(Step),
    ) -> Result<(), BackupError> {
        let online = self.kubo.has_peers().await.unwrap_or(false);
        let mut step = Step { of: blobs.len() as u64, ..Step::default() };
        let obtained =
            stream::iter(blobs).map(async |blob| (blob, self.obtain(blob, online).await));
        let mut obtained = pin!(obtained.buffer_unordered(AT_ONCE));
        while let Some((blob, origin)) = obtained.next().await {
            match origin? {
                Origin::Held => restored.held += 1,
                Origin::Archive => restored.imported += 1,
                Origin::Network => restored.fetched += 1,
                Origin::Nowhere => restored.missing.push(blob.digest.to_string()),
            }
            step.blobs += 1;
            step.bytes += blob.size;
            progress(step);
        }
        Ok(())
    }

    /// Makes Kubo hold and pin a blob.
    async fn obtain(&self, blob: &NamedBlob, online: bool) -> Result<Origin, BackupError> {
        if blob.size == 0 {
            self.kubo.put(&Block::received(&blob.cid, Bytes::new())?).await?;
        }
        if self.holds(blob).await? {
            self.kubo.pin_root(&blob.cid).await?;
            return Ok(Origin::Held);
        }
        let path = archive::path(self.directory, &blob.cid);
        if path.exists() {
            archive::read(self.kubo, &path, &blob.cid).await?;
            if !self.holds(blob).await? {
                return Err(BackupError::damaged(&path, "does not hold all blocks of its blob"));
            }
            self.kubo.pin_root(&blob.cid).await?;
            return Ok(Origin::Archive);
        }
        if online
            && self.kubo.fetch(&blob.cid, self.fetch_time).await.is_ok()
            && self.holds(blob).await?
        {
            return Ok(Origin::Network);
        }
        Ok(Origin::Nowhere)
    }

    /// Whether Kubo holds every block of a blob.
    async fn holds(&self, blob: &NamedBlob) -> Result<bool, BackupError> {
        match self.kubo.examine(&blob.cid, blob.size).await {
            Ok(()) => Ok(true),
            Err(IpfsError::Missing(_) | IpfsError::Broken(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn rows(&self, loading: &Loading) -> Result<(), BackupError> {
        let mut file = Reader::open(self.directory)?;
        loop {
            let table = match file.next()? {
                Section::Table(table) => table,
                Section::Sequences(sequences) => {
                    for (name, last) in sequences {
                        loading.sequence(&name, last).await?;
                    }
                    return Ok(());
                }
            };
            if self.without.contains(&table.name.as_str()) {
                while file.row()?.is_some() {}
                continue;
            }
            let mut out = loading.table(&table).await?;
            let mut piece = BytesMut::with_capacity(PIECE);
            while let Some(row) = file.row()? {
                piece.extend_from_slice(&row);
                if piece.len() >= PIECE {
                    out.write(piece.split().freeze()).await?;
                }
            }
            out.write(piece.freeze()).await?;
            let (found, expected) = (out.finish().await?, file.rows.get(&table.name).copied());
            if Some(found) != expected {
                let reason = format!("has {expected:?} rows of {}, not {found}", table.name);
                return Err(BackupError::damaged(self.directory, reason));
            }
        }
    }
}
