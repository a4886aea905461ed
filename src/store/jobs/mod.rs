//! When background jobs run: their turns and outcomes.

pub(super) mod backlog;
pub(super) mod job;
