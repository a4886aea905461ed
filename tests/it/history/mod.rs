//! What clients did and saw, and whether a registry that keeps its promises can have answered so.
//!
//! `event` is one call with its times and its outcome. `check` looks at a whole history after the run: no call may show
//! wrong bytes, an error that does not ask to come back, or no answer at all; what was acknowledged must be there until
//! somebody deletes it (`presence`); and all moves and reads of a tag must fit into one order in which each takes effect at
//! some instant between its call and its answer (`register`). `bad` holds histories that `check` must refuse.

mod bad;
mod check;
mod event;
mod presence;
mod register;

pub(crate) use check::check;
pub(crate) use event::{Call, Event, Outcome};
