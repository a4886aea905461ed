//! What an upload session is, and how writing to it ends.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::ipld::Cid;
use crate::oci::Algorithm;
use crate::store::db::row::unsigned;
use crate::store::error::StoreError;

/// A piece of an upload that Kubo holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Position of its first byte in the blob.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
    /// CID under which Kubo stores the bytes.
    pub cid: Cid,
}

/// An upload session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Upload {
    pub id: Uuid,
    /// Number of bytes that are durable; the next chunk begins there.
    pub received: u64,
    /// Algorithm that the client announced.
    pub algorithm: Option<Algorithm>,
    /// The part with the highest offset. Bytes after its end are in pieces.
    pub last: Option<Part>,
    /// Number of pieces.
    pub pieces: u32,
    /// The running hash of all bytes, if it is known.
    pub hash: Option<SavedHash>,
}

/// A running hash that any instance can continue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other field is its name")]
pub struct SavedHash {
    pub algorithm: Algorithm,
    /// As [`Hasher::save`](crate::stream::hashing::Hasher::save) returns it.
    pub state: Vec<u8>,
}

/// Outcome of opening a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The session is open.
    Open {
        /// The id of the session.
        id: Uuid,
        /// Number of sessions that the subject had open before.
        others: u64,
    },
    /// The subject has as many open sessions as it may have.
    TooMany,
}

/// Outcome of writing a part or a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The bytes belong to the upload.
    Done,
    /// The upload has another length than its writer expected.
    Moved {
        /// Number of bytes that are durable.
        received: u64,
    },
    /// The upload has ended.
    Gone,
    /// The claim of the part's CID was lost, so its pin may be.
    Unclaimed,
    /// Another epoch has begun, so blocks of the part may be gone.
    Collected,
}

impl Recorded {
    /// Reads the answers of `upload/lock` and of the statement after it, which returns a row if it wrote.
    pub(super) fn read(locked: Option<&Row>, written: Option<&Row>) -> Result<Self, StoreError> {
        match (locked, written) {
            (_, Some(_)) => Ok(Self::Done),
            (Some(row), None) => Ok(Self::Moved { received: unsigned(row, "received")? }),
            (None, None) => Ok(Self::Gone),
        }
    }

    /// Whether an earlier attempt, whose answer was lost, has written the bytes that end at `end`: the session ends there,
    /// and the running hash says that it holds the same bytes.
    pub(super) fn has_ended_at(
        locked: Option<&Row>,
        end: u64,
        hash: Option<&SavedHash>,
    ) -> Result<bool, StoreError> {
        let (Some(row), Some(hash)) = (locked, hash) else { return Ok(false) };
        let state: Option<&[u8]> = row.try_get("hash_state")?;
        Ok(unsigned(row, "received")? == end && state == Some(hash.state.as_slice()))
    }
}
