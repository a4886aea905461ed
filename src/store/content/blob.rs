//! Blobs and the repositories that hold them.

use std::time::Duration;

use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::ipld::Cid;
use crate::oci::{Digest, RepositoryName};
use crate::rights::{Access, Action, Grantee};
use crate::store::content::repository;
use crate::store::content::scrub::ScrubItem;
use crate::store::db::connection::{Connection, Param};
use crate::store::db::database::Database;
use crate::store::db::gate::Gate;
use crate::store::db::retry::Settled;
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::uploads::collection::PinnedBlob;

/// The blobs of all repositories.
#[derive(Clone, Copy, Debug)]
pub struct Blobs<'s>(pub(crate) &'s Database);

/// A blob that a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedBlob {
    /// CID under which Kubo stores the bytes.
    pub cid: Cid,
    /// Length in bytes.
    pub size: u64,
    /// Whether a read found that the stored bytes are lost or wrong.
    pub quarantined: bool,
}

/// The repositories in which [`Blobs::mount`] looks for the blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// One repository, if the caller may pull from it.
    Repository(Access),
    /// Any repository that the caller may pull from.
    Any(Grantee),
    /// Those of these repositories that the caller may pull from.
    Within(Grantee, Vec<RepositoryName>),
}

/// Outcome of [`Blobs::unlink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlink {
    /// The repository no longer holds the blob.
    Done,
    /// The repository did not hold the blob.
    Absent,
    /// A manifest or an index of the repository names the blob, so it stays.
    Referenced,
}

/// The row that [`commit`] writes.
pub(crate) struct NewBlob<'a> {
    pub(crate) repository: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) cid: &'a str,
    pub(crate) size: i64,
    pub(crate) upload: Option<Uuid>,
    /// Expected length of the upload.
    pub(crate) received: i64,
    /// The claim under which the CID was pinned.
    pub(crate) claim: Uuid,
    /// The epoch in which the blocks were stored.
    pub(crate) epoch: Option<i64>,
}

impl Blobs<'_> {
    /// How many blobs are under quarantine; at most ten thousand are counted.
    pub async fn count_quarantined(self) -> Result<u64, StoreError> {
        let rows = self.0.rows(Query::BlobCountQuarantined, [&10_000_i64]).await?;
        rows.first().map_or(Ok(0), |row| unsigned(row, "blobs"))
    }

    /// Finds a blob in a repository.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull from the repository.
    pub async fn get(
        self,
        access: &Access,
        digest: &Digest,
    ) -> Result<Option<LinkedBlob>, StoreError> {
        let digest = digest.as_str();
        let row = self.0.gated_read(Query::BlobGet, access, Action::Pull, [&digest]).await?;
        LinkedBlob::read(&row)
    }

    /// As [`get`](Self::get), and whether the blob has been quiet for `quiet` and is not known to be needed: a review may
    /// remove it soon, so a client that is told of it must be given time by [`Reviews::save`](super::super::Reviews::save).
    ///
    /// # Errors
    /// [`StoreError::Denied`] when the caller may not pull from the repository.
    pub async fn head(
        self,
        access: &Access,
        digest: &Digest,
        quiet: Duration,
    ) -> Result<Option<(LinkedBlob, bool)>, StoreError> {
        let (digest, quiet) = (digest.as_str(), quiet.as_secs_f64());
        let own = [&digest as _, &quiet as _];
        let row = self.0.gated_read(Query::BlobHead, access, Action::Pull, own).await?;
        let Some(blob) = LinkedBlob::read(&row)? else { return Ok(None) };
        Ok(Some((blob, row.try_get("expiring")?)))
    }

    /// Links a blob of `source` to `target`. Returns whether `target` holds the blob now, which it does not when the
    /// source has no such blob, the caller may not pull it, or it is in quarantine.
    pub async fn mount(
        self,
        target: &RepositoryName,
        digest: &Digest,
        source: &MountSource,
    ) -> Result<bool, StoreError> {
        let (target, digest) = (target.as_str(), digest.as_str());
        let mounted = self.0.repeating(|| async {
            let lease = self.0.lease().await?;
            let mount = async {
                let ensure = repository::ensure(&lease, target);
                let (ensured, mounted) = match source {
                    MountSource::Repository(from) => {
                        tokio::join!(biased; ensure, mount_from(&lease, target, digest, from))
                    }
                    MountSource::Any(grantee) => {
                        tokio::join!(biased; ensure, mount_any(&lease, target, digest, *grantee))
                    }
                    MountSource::Within(grantee, names) => {
                        let mount = mount_within(&lease, target, digest, *grantee, names);
                        tokio::join!(biased; ensure, mount)
                    }
                };
                ensured?;
                mounted
            };
            lease.run(mount).await
        });
        Ok(mounted.await? > 0)
    }

    /// Removes a blob from a repository in which nothing references it. Its row and its bytes stay.
    pub async fn unlink(
        self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Unlink, StoreError> {
        let (repository, digest) = (repository.as_str(), digest.as_str());
        let unlinked = self.0.settling(|| async {
            let lease = self.0.lease().await?;
            let lock = lock_link(&lease, repository, digest);
            lease.transaction(lock, unlink(&lease, repository, digest)).await
        });
        let Settled { result, in_doubt } = unlinked.await?;
        Ok(match result {
            // What a repetition does not find was removed by the attempt whose answer was lost.
            (None, _) if in_doubt => Unlink::Done,
            (None, _) => Unlink::Absent,
            (Some(_), 0) => Unlink::Referenced,
            (Some(_), _) => Unlink::Done,
        })
    }

    /// A page of the blobs whose CIDs must be pinned, after `last`. Empty at the end.
    pub async fn pinned_page(
        self,
        last: Option<&PinnedBlob>,
    ) -> Result<Vec<PinnedBlob>, StoreError> {
        let rows = self.0.rows(Query::BlobPinnedPage, [&PinnedBlob::after(last)]).await?;
        rows.iter().map(PinnedBlob::read).collect()
    }

    /// Marks a blob whose bytes are lost or wrong. Returns whether it did: one that was pushed again since `item` was read
    /// is left alone, and so is one that is marked already.
    pub async fn quarantine(self, item: &ScrubItem) -> Result<bool, StoreError> {
        let (digest, cid) = (item.digest.as_str(), item.cid.to_string());
        Ok(self.0.count(Query::BlobQuarantine, [&digest, &cid, &item.version]).await? > 0)
    }
}

impl LinkedBlob {
    /// `None` for a row whose columns are NULL.
    fn read(row: &Row) -> Result<Option<Self>, StoreError> {
        if row.try_get::<_, Option<&str>>("ipfs_cid")?.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            cid: parsed(row, "ipfs_cid")?,
            size: unsigned(row, "size")?,
            quarantined: row.try_get("quarantined")?,
        }))
    }
}

/// Turns an upload into a blob. The returned row has the CID of the blob from now on. Runs after [`lock`].
pub(crate) async fn commit(
    connection: &Connection,
    new: &NewBlob<'_>,
) -> Result<Option<Row>, Error> {
    let NewBlob { repository, digest, cid, size, upload, received, claim, epoch } = new;
    connection
        .row(Query::BlobCommit, &[repository, digest, cid, size, upload, received, claim, epoch])
        .await
}

pub(crate) async fn lock(connection: &Connection, digest: &str) -> Result<Option<Row>, Error> {
    connection.row(Query::BlobLock, &[&digest]).await
}

async fn lock_link(
    connection: &Connection,
    repository: &str,
    digest: &str,
) -> Result<Option<Row>, Error> {
    connection.row(Query::BlobLockLink, &[&repository, &digest]).await
}

async fn unlink(connection: &Connection, repository: &str, digest: &str) -> Result<u64, Error> {
    connection.count(Query::BlobUnlink, &[&repository, &digest]).await
}

async fn mount_from(
    connection: &Connection,
    target: &str,
    digest: &str,
    source: &Access,
) -> Result<u64, Error> {
    let gate = Gate::new(source, Action::Pull);
    connection.count(Query::BlobMountFrom, &gate.params([&target, &digest])).await
}

async fn mount_any(
    connection: &Connection,
    target: &str,
    digest: &str,
    grantee: Grantee,
) -> Result<u64, Error> {
    connection.count(Query::BlobMountAny, &[&target, &digest, &grantee.revision()]).await
}

async fn mount_within(
    connection: &Connection,
    target: &str,
    digest: &str,
    grantee: Grantee,
    names: &[RepositoryName],
) -> Result<u64, Error> {
    let names: Vec<&str> = names.iter().map(RepositoryName::as_str).collect();
    let params: [Param<'_>; 4] = [&target, &digest, &grantee.revision(), &names];
    connection.count(Query::BlobMountWithin, &params).await
}
