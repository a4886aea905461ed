//! Background jobs. A [`Job`] has a name, a period and a run, and [`Jobs`] runs it.
//!
//! The room knows no domain. A job lives in the room it works for (`registry/upkeep`, `auth`, `acme`), takes no
//! input and looks at the rows instead, so that its next run is its retry. It is woken by time or by a nudge. The same
//! loop drives every job: it spreads the runs of several instances in time, backs off after failures, logs, counts,
//! and stops within [`GRACE`].

mod collection;
mod cycle;
mod error;
mod job;
mod nudge;
mod schedule;
mod tidy_metrics;
mod turn;

pub use collection::{GRACE, Jobs};
pub use error::JobError;
pub use job::{Done, Job, Scope};
pub use nudge::Nudge;
pub use tidy_metrics::TidyMetrics;
pub use turn::{Run, Turn, run_now};
