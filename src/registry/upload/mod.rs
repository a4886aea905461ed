//! The upload pipeline.
//!
//! An upload is a list of parts. A part is one Kubo `add` of at most [`PART_BYTES`], streamed while it arrives; its
//! row is committed after Kubo has answered that the bytes are stored and pinned. What the rows cover is what a client
//! may count on after a cut connection or a restart.
//!
//! `start` opens an upload, `receive` stores bytes in it, `finish` makes it a blob, `cancel` ends it without one. `put`
//! takes a whole blob in one body. [`Incoming`] is a body that any of them takes.

mod cancel;
mod commit;
mod compose;
mod finish;
mod incoming;
mod key;
mod lock;
mod part;
mod put;
mod readback;
mod receive;
mod session;
mod start;
mod write;

pub use commit::Stored;
pub use incoming::Incoming;
pub use key::{UploadKey, UploadState};
pub use part::PART_BYTES;
pub(super) use session::Sessions;
