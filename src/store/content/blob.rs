//! Blobs, as repositories hold them.

use crate::ipld::Cid;
use crate::oci::{Digest, RepositoryName};
use crate::rights::{Access, Action, Grantee};
use crate::store::accounts::access::{Asking, admitted, asking};
use crate::store::db::connection::Param;
use crate::store::db::retry::{bounded, retrying};
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// A blob that a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedBlob {
    /// Where its bytes are.
    pub cid: Cid,
    /// How many they are.
    pub size: u64,
    /// Whether a read found them lost or wrong.
    pub quarantined: bool,
}

/// Where a blob to be linked is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// There, if it may be read there.
    Repository(Access),
    /// Wherever this one may read.
    Any(Grantee),
}

/// How [`Store::unlink_blob`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlink {
    /// The repository holds it no longer.
    Done,
    /// The repository did not hold it.
    Absent,
    /// A manifest or an index of the repository names it.
    Referenced,
}

impl Store {
    /// Finds a blob in a repository.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Denied`] to whoever may not pull from there.
    pub async fn linked_blob(
        &self,
        access: &Access,
        digest: &Digest,
    ) -> Result<Option<LinkedBlob>, StoreError> {
        let Asking { repository, revision, patterns, roles } = asking(access, Action::Pull);
        let digest = digest.as_str();
        let params: [Param<'_>; 5] = [&repository, &digest, &revision, &patterns, &roles];
        let row = bounded(self.reads().row(Query::BlobLinked, params)).await?;
        let row = admitted(row.as_ref())?;
        if row.try_get::<_, Option<&str>>("ipfs_cid")?.is_none() {
            return Ok(None);
        }
        Ok(Some(LinkedBlob {
            cid: parsed(row, "ipfs_cid")?,
            size: unsigned(row, "size")?,
            quarantined: row.try_get("quarantined")?,
        }))
    }

    /// Links a blob that `source` holds and its asker may pull to `target`. Answers whether `target` holds it now; never
    /// one under quarantine.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mount_blob(
        &self,
        target: &RepositoryName,
        digest: &Digest,
        source: &MountSource,
    ) -> Result<bool, StoreError> {
        let (target, digest) = (target.as_str(), digest.as_str());
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let ensure = lease.row(Query::RepositoryEnsure, [&target]);
            let (ensured, linked) = match source {
                MountSource::Repository(from) => {
                    let Asking { repository: from, revision, patterns, roles } =
                        asking(from, Action::Pull);
                    let params: [Param<'_>; 6] =
                        [&target, &digest, &from, &revision, &patterns, &roles];
                    let mount = lease.count(Query::BlobMountFrom, params);
                    tokio::join!(biased; ensure, mount)
                }
                MountSource::Any(grantee) => {
                    let revision = grantee.revision();
                    let params: [Param<'_>; 3] = [&target, &digest, &revision];
                    let mount = lease.count(Query::BlobMountAny, params);
                    tokio::join!(biased; ensure, mount)
                }
            };
            ensured?;
            let mounted = linked? > 0;
            lease.release();
            Ok(mounted)
        })
        .await
    }

    /// Takes a blob from a repository in which nothing references it. Its row and its bytes stay.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Unlink, StoreError> {
        let (repository, digest) = (repository.as_str(), digest.as_str());
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let (begun, locked, unlinked, committed) = tokio::join!(
                biased;
                lease.begin(),
                lease.row(Query::BlobLockLink, [&repository, &digest]),
                lease.count(Query::BlobUnlink, [&repository, &digest]),
                lease.commit(),
            );
            begun?;
            let outcome = match (locked?, unlinked?) {
                (None, _) => Unlink::Absent,
                (Some(_), 0) => Unlink::Referenced,
                (Some(_), _) => Unlink::Done,
            };
            committed?;
            lease.release();
            Ok(outcome)
        })
        .await
    }

    /// Marks a blob whose bytes at `cid` are lost or wrong. Answers whether it was sound until now; a blob that has
    /// another CID by now is left alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn quarantine_blob(&self, digest: &Digest, cid: &Cid) -> Result<bool, StoreError> {
        let (digest, cid) = (digest.as_str(), cid.to_string());
        let changed = bounded(self.pool().count(Query::BlobQuarantine, [&digest, &cid])).await?;
        Ok(changed > 0)
    }
}
