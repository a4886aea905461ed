//! The one interface of this room: what a job is.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::JobError;
use crate::store::Backlog;

/// Work that a server does again and again by itself.
///
/// A run takes no input. It reads from the database (or from memory of this process) what there is to do, does it in
/// batches until nothing is left, and may be repeated at any time without harm. Nothing repeats a failed run: the
/// next run does what is left.
pub trait Job: Send + Sync + 'static {
    /// Name on the command line, in metrics and in the table `jobs`.
    const NAME: &'static str;

    /// Event of the log line that reports a failed run.
    const FAILED: &'static str;

    /// The instances that run it.
    const SCOPE: Scope;

    /// Time from the end of a run to the start of the next. It is asked for after each run.
    fn period(&self) -> Duration;

    /// Does what there is to do.
    ///
    /// Returns within a second once `stop` is cancelled. The future may also be dropped at any await.
    ///
    /// # Errors
    /// The next run comes after a pause that grows with each failure.
    fn run(&self, stop: &CancellationToken) -> impl Future<Output = Result<Done, JobError>> + Send;

    /// Counts what waits to be done. `None` for a job without a queue.
    ///
    /// # Errors
    /// The database does not answer.
    fn backlog(&self) -> impl Future<Output = Result<Option<Backlog>, JobError>> + Send {
        async { Ok(None) }
    }

    /// Waits until the job should run before its period is over.
    fn nudged(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// The instances that run a job when several share a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every instance for itself, because the job looks after memory of its process.
    Process,
    /// One instance at a time, because the job works on rows that all instances share.
    Shared,
}

/// The result of a successful run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Number of items that were dealt with.
    pub items: u64,
}
