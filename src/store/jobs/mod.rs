//! Background jobs: their turns, their outcomes and their backlogs.

pub(super) mod backlog;
pub(super) mod job;
