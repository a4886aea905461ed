//! Drops pins that no row needs any more.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::ipfs::Kubo;
use crate::ipld::Cid;
use crate::jobs::{Done, Job, JobError, Nudge, Scope};
use crate::store::{Backlog, Store};

/// Pins that are read from the queue at once.
const BATCH: u32 = 100;

/// Failures in a row after which a run gives up, because Kubo rather than the pin is the reason.
const GIVE_UP: u32 = 5;

/// Drops the pins in the queue that no row names, each under the lock of its CID, so that an upload which just stored
/// the same bytes either keeps the pin or learns that it must pin again.
#[derive(Clone)]
pub struct DropPins {
    store: Store,
    ipfs: Kubo,
    nudge: Nudge,
}

impl DropPins {
    /// Time between two runs, unless a nudge comes first.
    pub const PERIOD: Duration = Duration::from_secs(60);

    /// `nudge` wakes the job after something was queued.
    pub fn new(store: Store, ipfs: Kubo, nudge: Nudge) -> Self {
        Self { store, ipfs, nudge }
    }

    async fn drop_pin(&self, cid: &Cid) -> Result<(), JobError> {
        if let Some(claim) = self.store.unpins().claim(cid).await? {
            self.ipfs.unpin(cid).await?;
            claim.done().await?;
            debug!(event = "unpinned", ipfs_cid = %cid, "dropped a pin that no row needs");
        }
        Ok(())
    }
}

impl Job for DropPins {
    const NAME: &'static str = "drop-pins";
    const FAILED: &'static str = "unpin_failed";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    /// A pin that cannot be dropped is postponed, for longer with each attempt, and the rest of the queue goes on.
    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let mut tally = Tally::default();
        loop {
            let due = self.store.unpins().due(BATCH).await?;
            for cid in &due {
                // A pin whose call is cut stays in the queue.
                let Some(result) = stop.run_until_cancelled(self.drop_pin(cid)).await else {
                    return tally.end();
                };
                if result.is_err() {
                    self.store.unpins().postpone(cid).await?;
                }
                if tally.count(cid, result) >= GIVE_UP {
                    return tally.end();
                }
            }
            if (due.len() as u64) < u64::from(BATCH) {
                return tally.end();
            }
        }
    }

    async fn backlog(&self) -> Result<Option<Backlog>, JobError> {
        Ok(Some(self.store.unpins().backlog().await?))
    }

    async fn nudged(&self) {
        self.nudge.woken().await;
    }
}

/// The counts of one run.
#[derive(Default)]
struct Tally {
    dropped: u64,
    failed: u64,
    failed_in_a_row: u32,
    last_failure: String,
}

impl Tally {
    /// Counts one pin, and tells how many have failed in a row.
    fn count(&mut self, cid: &Cid, result: Result<(), JobError>) -> u32 {
        match result {
            Ok(()) => {
                self.dropped += 1;
                self.failed_in_a_row = 0;
            }
            Err(error) => {
                self.failed += 1;
                self.failed_in_a_row += 1;
                self.last_failure = format!("{cid}: {error}");
            }
        }
        self.failed_in_a_row
    }

    fn end(self) -> Result<Done, JobError> {
        let Self { dropped, failed, last_failure, .. } = self;
        if failed == 0 {
            return Ok(Done { items: dropped });
        }
        let text = format!("{failed} pins could not be dropped, {dropped} were; {last_failure}");
        Err(JobError::new(text))
    }
}
