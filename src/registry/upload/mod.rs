//! The upload pipeline.
//!
//! An upload is a list of parts. A part is one Kubo `add` of at most [`PART_BYTES`], streamed while it arrives; its
//! row is committed after Kubo said that its bytes are stored and pinned. What the rows cover is what a client may
//! count on after a cut connection or a restart.
//!
//! `start` opens a session, `receive` takes bytes into it, `finish` ends it as a blob.

mod compose;
mod finish;
mod intaken;
mod part;
mod readback;
mod receive;
mod session;
mod start;

pub use finish::Stored;
pub use session::{Sessions, UploadState};

use crate::ipld::profile::LEAF_BYTES;

/// Most bytes of one part: 64 leaves, so that its root is one small node and Kubo's lock is held only so long. Parts
/// begin at leaf borders, so that the leaves of an upload are the leaves that one `ipfs add` of the whole would make.
pub const PART_BYTES: u64 = 64 * LEAF_BYTES;
