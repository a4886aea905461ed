//! Uploads, by which clients push blobs.
//!
//! An upload is a list of parts. A part is one Kubo `add` of at most [`PART_BYTES`], streamed while it arrives. Its row
//! is committed after Kubo has answered that the bytes are stored and pinned. A client may count on the bytes that rows
//! cover, after a cut connection as after a restart. The last bytes of a request, if they are few, are kept in PostgreSQL
//! as a piece until a part holds them.
//!
//! `start` opens an upload, `receive` stores bytes in it, `finish` makes it a blob, `cancel` ends it without one. `put`
//! takes a whole blob in one body. All of them accept any body that is [`Incoming`].

mod cancel;
mod commit;
mod compose;
mod finish;
mod gathered;
mod incoming;
mod key;
mod leaf;
mod lock;
mod part;
mod put;
mod readback;
mod receive;
mod record;
mod start;
mod transfer;
mod turns;
mod write;

pub use commit::Stored;
pub(super) use gathered::Gathering;
pub use incoming::Incoming;
pub use key::{UploadKey, UploadState};
pub use part::PART_BYTES;
pub(super) use turns::Turns;
