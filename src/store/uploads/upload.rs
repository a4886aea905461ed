//! Upload sessions and the parts that they hold.

use std::time::Duration;

use bytes::Bytes;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::collection::{Epoch, PinnedPart};
use super::session::{Part, Recorded, SavedHash, Started, Upload};
use crate::ipld::Cid;
use crate::oci::{Algorithm, RepositoryName};
use crate::store::content::repository;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::lease::Lease;
use crate::store::db::retry::Settled;
use crate::store::db::row::{parsed, signed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::jobs::backlog::{Backlog, COUNTED};

/// Most sessions that one call of [`Uploads::expire`] ends.
const EXPIRED_AT_ONCE: i64 = 100;

/// The upload sessions of all repositories.
#[derive(Clone, Copy, Debug)]
pub struct Uploads<'s>(pub(crate) &'s Database);

impl Uploads<'_> {
    /// Opens a session, unless the subject has `most` open ones.
    pub async fn start(
        self,
        repository: &RepositoryName,
        subject: &str,
        algorithm: Option<Algorithm>,
        most: u32,
    ) -> Result<Started, StoreError> {
        let repository = repository.as_str();
        let algorithm = algorithm.map(Algorithm::as_str);
        // A session of an attempt whose answer was lost has an id that nobody knows, and expires.
        let started = self.0.repeating(|| async {
            let id = Uuid::new_v4();
            let lease = self.0.lease().await?;
            let start = async {
                let (ensured, started) = tokio::join!(
                    biased;
                    repository::ensure(&lease, repository),
                    start(&lease, id, repository, subject, algorithm, most),
                );
                ensured?;
                started
            };
            let row = lease.run(start).await?;
            let row = row.ok_or_else(|| StoreError::Internal("upload/start: no row".into()))?;
            let others = unsigned(&row, "sessions")?;
            if row.try_get("started")? {
                Ok(Started::Open { id, others })
            } else if others >= u64::from(most) {
                Ok(Started::TooMany)
            } else {
                Err(StoreError::Conflict(format!("repository {repository} was removed")))
            }
        });
        started.await
    }

    /// Finds the session of a subject in a repository.
    pub async fn get(
        self,
        repository: &RepositoryName,
        id: Uuid,
        subject: &str,
    ) -> Result<Option<Upload>, StoreError> {
        let repository = repository.as_str();
        let rows = self.0.rows(Query::UploadGet, [&repository, &id, &subject]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let algorithm = match row.try_get::<_, Option<&str>>("algorithm")? {
            Some(_) => Some(parsed(row, "algorithm")?),
            None => None,
        };
        let last = match row.try_get::<_, Option<i64>>("part_offset")? {
            Some(_) => Some(part(row)?),
            None => None,
        };
        let received = unsigned(row, "received")?;
        let pieces = row.try_get::<_, i32>("pieces")?.unsigned_abs();
        let hash = match row.try_get::<_, Option<Vec<u8>>>("hash_state")? {
            Some(state) => Some(SavedHash { algorithm: parsed(row, "hash_algorithm")?, state }),
            None => None,
        };
        Ok(Some(Upload { id, received, algorithm, last, pieces, hash }))
    }

    /// The parts of a session by offset. A part may begin below the end of the part before it, and then holds those
    /// bytes again.
    pub async fn parts(self, id: Uuid) -> Result<Vec<Part>, StoreError> {
        self.0.rows(Query::UploadParts, [&id]).await?.iter().map(part).collect()
    }

    /// A page of the parts of all sessions that must be pinned, after `last`. Empty at the end.
    pub async fn pinned_page(
        self,
        last: Option<&PinnedPart>,
    ) -> Result<Vec<PinnedPart>, StoreError> {
        let (upload, offset) = PinnedPart::after(last);
        let rows = self.0.rows(Query::UploadPinnedPage, [&upload, &offset]).await?;
        rows.iter().map(PinnedPart::read).collect()
    }

    /// Notes of up to a hundred parts that they are to be pinned. Returns their CIDs; none when all parts are noted.
    pub async fn protect_parts(self) -> Result<Vec<Cid>, StoreError> {
        let rows = self.0.returning(Query::UploadProtectParts, []).await?;
        rows.iter().map(|row| parsed(row, "ipfs_cid")).collect()
    }

    /// The pieces of a session from `offset` on, in order.
    pub async fn pieces(self, id: Uuid, offset: u64) -> Result<Vec<Bytes>, StoreError> {
        let rows = self.0.rows(Query::UploadPieces, [&id, &signed(offset)?]).await?;
        let bytes = |row: &Row| Ok(Bytes::from(row.try_get::<_, Vec<u8>>("bytes")?));
        rows.iter().map(bytes).collect()
    }

    /// Adds a few bytes to a session, if `expected_received` bytes of it are durable. They are kept in PostgreSQL until
    /// a part holds them. `hash` covers all bytes up to theirs.
    pub async fn append_piece(
        self,
        id: Uuid,
        expected_received: u64,
        bytes: &[u8],
        hash: Option<&SavedHash>,
    ) -> Result<Recorded, StoreError> {
        let expected = signed(expected_received)?;
        let appended = self.0.settling(|| async {
            let lease = self.0.lease().await?;
            let append = append_piece(&lease, id, expected, bytes, hash);
            lease.transaction(lock(&lease, Some(id)), append).await
        });
        let Settled { result: (locked, written), in_doubt } = appended.await?;
        let end = expected_received.saturating_add(bytes.len() as u64);
        if in_doubt && Recorded::has_ended_at(locked.as_ref(), end, hash)? {
            return Ok(Recorded::Done);
        }
        Recorded::read(locked.as_ref(), written.as_ref())
    }

    /// Notes that bytes of a session still arrive, so that it does not expire. Returns whether the session is open.
    pub async fn touch(self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.0.count(Query::UploadTouch, [&id]).await? > 0)
    }

    /// Ends a session and queues its parts for unpinning. Returns whether there was one.
    pub async fn cancel(
        self,
        repository: &RepositoryName,
        id: Uuid,
        subject: &str,
    ) -> Result<bool, StoreError> {
        let repository = repository.as_str();
        let cancelled = self.0.settling(|| async {
            let lease = self.0.lease().await?;
            let locked = lease.begin(lock_own(&lease, repository, id, subject)).await?;
            discard_locked(lease, &locked).await
        });
        let Settled { result, in_doubt } = cancelled.await?;
        // A session that a repetition does not find was ended by the attempt whose answer was lost.
        Ok(result > 0 || in_doubt)
    }

    /// Ends the sessions that have been idle for `idle`, the oldest first, and queues their parts for unpinning. Ends
    /// at most a hundred in one call and returns their number. A session that cannot be ended is skipped.
    ///
    /// # Errors
    /// That of a session that cannot be ended, when no other one is idle.
    pub async fn expire(self, idle: Duration) -> Result<u64, StoreError> {
        let refused = match self.expire_some(idle, EXPIRED_AT_ONCE, 0).await {
            // One of them is in the way of the others.
            Err(refused @ (StoreError::Internal(_) | StoreError::Conflict(_))) => refused,
            ended => return ended,
        };
        let (mut ended, mut skipped) = (0, 0);
        while ended + skipped < EXPIRED_AT_ONCE {
            match self.expire_some(idle, 1, skipped).await {
                Ok(0) => break,
                Ok(_) => ended += 1,
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(_) => skipped += 1,
            }
        }
        if ended > 0 { Ok(ended.unsigned_abs()) } else { Err(refused) }
    }

    /// Ends at most `limit` idle sessions after the `skipped` oldest ones.
    async fn expire_some(
        self,
        idle: Duration,
        limit: i64,
        skipped: i64,
    ) -> Result<u64, StoreError> {
        let idle = idle.as_secs_f64();
        let expired = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            let locked = lease.begin(lock_idle(&lease, idle, limit, skipped)).await?;
            discard_locked(lease, &locked).await
        });
        expired.await
    }

    /// Ends the sessions of one subject as [`expire`](Self::expire) does.
    pub async fn expire_of(self, subject: &str, idle: Duration) -> Result<u64, StoreError> {
        let idle = idle.as_secs_f64();
        self.0
            .retrying(|| async {
                let lease = self.0.lease().await?;
                let locked = lease.begin(lock_idle_of(&lease, subject, idle)).await?;
                discard_locked(lease, &locked).await
            })
            .await
    }

    /// Counts the sessions that nobody touched for `idle`.
    pub async fn backlog(self, idle: Duration) -> Result<Backlog, StoreError> {
        let rows = self.0.rows(Query::UploadBacklog, [&idle.as_secs_f64(), &COUNTED]).await?;
        Backlog::read(&rows)
    }
}

/// Ends the sessions that a transaction has locked, and the transaction. Returns their number.
pub(crate) async fn discard_locked(lease: Lease, locked: &[Row]) -> Result<u64, StoreError> {
    let ids = locked.iter().map(|row| row.try_get("id")).collect::<Result<Vec<Uuid>, _>>()?;
    if ids.is_empty() {
        lease.rollback().await?;
        return Ok(0);
    }
    let discarded = lease.commit(discard(&lease, &ids)).await?;
    discarded.map_or(Ok(0), |row| unsigned(&row, "ended"))
}

async fn start(
    connection: &Connection,
    id: Uuid,
    repository: &str,
    subject: &str,
    algorithm: Option<&str>,
    most: u32,
) -> Result<Option<Row>, Error> {
    let most = i64::from(most);
    connection.row(Query::UploadStart, &[&id, &repository, &subject, &algorithm, &most]).await
}

/// Adds a piece to an upload. Returns no row when the upload does not have the expected length. Runs after [`lock`].
async fn append_piece(
    connection: &Connection,
    id: Uuid,
    expected: i64,
    bytes: &[u8],
    hash: Option<&SavedHash>,
) -> Result<Option<Row>, Error> {
    let (algorithm, state) = columns(hash);
    connection.row(Query::UploadAppendPiece, &[&id, &expected, &bytes, &algorithm, &state]).await
}

async fn discard(connection: &Connection, ids: &[Uuid]) -> Result<Option<Row>, Error> {
    connection.row(Query::UploadDiscard, &[&ids]).await
}

pub(super) async fn lock(connection: &Connection, id: Option<Uuid>) -> Result<Option<Row>, Error> {
    connection.row(Query::UploadLock, &[&id]).await
}

async fn lock_own(
    connection: &Connection,
    repository: &str,
    id: Uuid,
    subject: &str,
) -> Result<Vec<Row>, Error> {
    connection.rows(Query::UploadLockOwn, &[&repository, &id, &subject]).await
}

async fn lock_idle(
    connection: &Connection,
    idle: f64,
    limit: i64,
    skipped: i64,
) -> Result<Vec<Row>, Error> {
    connection.rows(Query::UploadLockIdle, &[&idle, &limit, &skipped]).await
}

async fn lock_idle_of(
    connection: &Connection,
    subject: &str,
    idle: f64,
) -> Result<Vec<Row>, Error> {
    connection.rows(Query::UploadLockIdleOf, &[&subject, &idle, &EXPIRED_AT_ONCE]).await
}

/// The row that [`record_part`] writes.
pub(super) struct NewPart<'a> {
    pub(super) upload: Uuid,
    pub(super) expected: i64,
    pub(super) offset: i64,
    pub(super) size: i64,
    pub(super) cid: &'a str,
    /// The claim under which the CID was pinned, if it is pinned.
    pub(super) claim: Option<Uuid>,
    /// The epoch in which its blocks were stored.
    pub(super) epoch: Epoch,
    /// The running hash after the part.
    pub(super) hash: Option<&'a SavedHash>,
}

/// Adds a part to an upload. Returns no row when the upload does not have the expected length. Runs after [`lock`].
pub(super) async fn record_part(
    connection: &Connection,
    new: &NewPart<'_>,
) -> Result<Option<Row>, Error> {
    let NewPart { upload, expected, offset, size, cid, claim, epoch, hash } = new;
    let (algorithm, state) = columns(*hash);
    connection
        .row(
            Query::UploadRecordPart,
            &[upload, expected, offset, size, cid, claim, &algorithm, &state, &epoch.0],
        )
        .await
}

/// The columns `hash_algorithm` and `hash_state`.
fn columns(hash: Option<&SavedHash>) -> (Option<&str>, Option<&[u8]>) {
    hash.map(|hash| (hash.algorithm.as_str(), hash.state.as_slice())).unzip()
}

fn part(row: &Row) -> Result<Part, StoreError> {
    let (offset, size) = (unsigned(row, "part_offset")?, unsigned(row, "size")?);
    Ok(Part { offset, size, cid: parsed(row, "ipfs_cid")? })
}
