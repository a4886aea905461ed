//! What may be needed no longer: the queue of reviews, the deletions that can be undone, and why something is kept.
//!
//! Triggers fill the queue (`sql/migrations/0016_reviews.sql`). A review takes some items of one kind, locks what they stand
//! for, looks again for whatever names it, and removes it, all in one short transaction. It waits for nobody: a row that
//! somebody else has locked is postponed. Whoever names something holds `KEY SHARE` on its row until the commit, by a foreign
//! key or a statement of its own, and a review needs `FOR UPDATE`. So one of the two comes first, and the other one sees what
//! it did.

pub(crate) mod deletion;
pub(crate) mod explanation;
mod foresight;
mod item;
mod queue;
mod removal;
mod untagged;

pub use foresight::Foreseen;
pub use item::{ReviewItem, ReviewKind};
pub use queue::{ReviewBacklog, Reviews};
pub use removal::Reviewed;
pub use untagged::{Judged, TaggedFacts, Walked};
