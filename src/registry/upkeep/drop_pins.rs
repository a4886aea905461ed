//! Drops pins that no row needs any more.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::ipfs::{Kubo, UnpinError};
use crate::ipld::Cid;
use crate::jobs::{Done, Job, JobError, Nudge, Scope};
use crate::store::{Backlog, Queued, QueuedCid, Store, Unpins};

/// Failures in a row after which a run gives up, because Kubo rather than the pin is the reason.
const GIVE_UP: u32 = 5;

/// Time after which a run begins no call under its claim, which must last until the call has ended.
const CALLS: Duration = Duration::from_secs(Unpins::CLAIM.as_secs() / 2);

/// How long Kubo may still carry out a call that got no answer.
const DOUBT: Duration = Duration::from_secs(600);

/// Drops the pins in the queue that no row names, each under a claim of its CID, so that an upload of the same bytes waits
/// and then sees that the pin is gone.
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

    /// Works through one batch of the queue. Returns whether there may be more.
    async fn work(&self, tally: &mut Tally) -> Result<bool, JobError> {
        let queued = self.store.unpins().claim().await?;
        let until = Instant::now() + CALLS;
        let all = queued.cids.iter().copied();
        let (named, unnamed): (Vec<QueuedCid>, Vec<QueuedCid>) = all.partition(|cid| cid.named);
        let (doubtful, sure): (Vec<QueuedCid>, Vec<QueuedCid>) =
            named.into_iter().partition(|cid| cid.doubtful);
        if !sure.is_empty() {
            self.store.unpins().keep(&queued, &sure).await?;
        }
        for cid in doubtful {
            self.look_again(&queued, cid, tally).await?;
        }
        match unnamed.as_slice() {
            [] => {}
            [alone] => self.drop_pin(&queued, *alone, tally).await?,
            several => {
                if !self.drop_all(&queued, several, tally).await? {
                    for cid in several {
                        // The rest of the claim ends by itself.
                        if tally.failed_in_a_row >= GIVE_UP || Instant::now() > until {
                            break;
                        }
                        self.drop_pin(&queued, *cid, tally).await?;
                    }
                }
            }
        }
        Ok(queued.cids.len() == Unpins::BATCH)
    }

    /// Drops several pins by one call. Returns whether the call succeeded. Kubo stops at the first CID that has no pin, and
    /// then each needs a call of its own.
    async fn drop_all(
        &self,
        queued: &Queued,
        several: &[QueuedCid],
        tally: &mut Tally,
    ) -> Result<bool, JobError> {
        let cids: Vec<Cid> = several.iter().map(|queued| queued.cid).collect();
        match self.ipfs.unpin(&cids).await {
            Ok(true) => {
                self.store.unpins().done(queued, several).await?;
                several.iter().for_each(|queued| tally.dropped(&queued.cid));
                Ok(true)
            }
            Err(UnpinError { doubtful: true, error }) => {
                self.store.unpins().postpone(queued, several, DOUBT).await?;
                tally.failed(format!("{} and others: {error}", several[0].cid));
                Ok(true)
            }
            Ok(false) | Err(_) => Ok(false),
        }
    }

    async fn drop_pin(
        &self,
        queued: &Queued,
        one: QueuedCid,
        tally: &mut Tally,
    ) -> Result<(), JobError> {
        match self.ipfs.unpin(&[one.cid]).await {
            Ok(_) => {
                self.store.unpins().done(queued, &[one]).await?;
                tally.dropped(&one.cid);
            }
            Err(UnpinError { error, doubtful }) => {
                let doubt = if doubtful { DOUBT } else { Duration::ZERO };
                self.store.unpins().postpone(queued, &[one], doubt).await?;
                tally.failed(format!("{}: {error}", one.cid));
            }
        }
        Ok(())
    }

    /// Pins a CID again that a row names, if a call that got no answer has dropped its pin after all.
    async fn look_again(
        &self,
        queued: &Queued,
        one: QueuedCid,
        tally: &mut Tally,
    ) -> Result<(), JobError> {
        match self.ipfs.pin_root(&one.cid).await {
            Ok(()) => self.store.unpins().await_doubt(queued, &[one]).await?,
            Err(error) => {
                self.store.unpins().postpone(queued, &[one], Duration::ZERO).await?;
                tally.failed(format!("{}: {error}", one.cid));
            }
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
            // A call that is cut is repeated when its claim has ended.
            let Some(worked) = stop.run_until_cancelled(self.work(&mut tally)).await else {
                return tally.end();
            };
            if !worked? || tally.failed_in_a_row >= GIVE_UP {
                break;
            }
        }
        if tally.dropped > 0 {
            self.store.collections().note_garbage().await?;
        }
        tally.end()
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
    fn dropped(&mut self, cid: &Cid) {
        debug!(event = "unpinned", ipfs_cid = %cid, "dropped a pin that no row needs");
        self.dropped += 1;
        self.failed_in_a_row = 0;
    }

    fn failed(&mut self, failure: String) {
        self.failed += 1;
        self.failed_in_a_row += 1;
        self.last_failure = failure;
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
