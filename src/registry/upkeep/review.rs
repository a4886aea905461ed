//! Removes what is needed no longer: links of blobs that no manifest names, untagged manifests where a policy says so, and
//! manifests and blobs that no repository holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::jobs::{Done, Job, JobError, Nudge, Scope};
use crate::policy::{Facts, Verdict};
use crate::registry::EndRules;
use crate::store::{Backlog, Judged, ReviewKind, Reviewed, Store, StoreError, TaggedFacts};
use crate::telemetry::metrics;

/// Items that one transaction reviews.
const BATCH: u32 = 500;

/// Decides in PostgreSQL only. A blob's CID goes into the queue of pins, and Kubo is not asked.
#[derive(Clone, Debug)]
pub struct Review {
    store: Store,
    rules: EndRules,
    pins: Nudge,
    progress: ReviewProgress,
}

/// The counts of a run, while it goes on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ReviewProgress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    items: AtomicU64,
    removed: AtomicU64,
    bytes: AtomicU64,
}

impl Review {
    /// Time between two runs.
    pub const PERIOD: Duration = Duration::from_secs(60);

    /// `pins` wakes the job that drops pins after a blob was removed.
    pub fn new(store: Store, rules: EndRules, pins: Nudge) -> Self {
        Self { store, rules, pins, progress: ReviewProgress::default() }
    }

    /// The counts of its runs.
    pub fn progress(&self) -> ReviewProgress {
        self.progress.clone()
    }

    /// Reviews one kind until nothing is due.
    async fn finish(&self, kind: ReviewKind, stop: &CancellationToken) -> Result<u64, JobError> {
        let mut removed = 0;
        while !stop.is_cancelled() {
            let step = match self.step(kind, BATCH).await {
                Ok(step) => step,
                // Also after a time limit, which a single item keeps.
                Err(error) => self.step_by_item(kind, &error, stop).await?,
            };
            removed += step.removed;
            if step.items < u64::from(BATCH) {
                break;
            }
        }
        if removed > 0 {
            info!(event = "reviewed", kind = kind.name(), removed, "removed {removed} of {kind}");
        }
        Ok(removed)
    }

    /// Reviews some items of a kind in one transaction.
    async fn step(&self, kind: ReviewKind, limit: u32) -> Result<Reviewed, StoreError> {
        let (reviews, window) = (self.store.reviews(), self.rules.window);
        let reviewed = match kind {
            ReviewKind::Untagged => {
                reviews.judge(window, limit, |facts| judge(&self.rules, facts)).await?
            }
            kind => reviews.step(kind, window, limit).await?,
        };
        self.progress.add(&reviewed);
        metrics::reviewed(kind.name(), reviewed.items, reviewed.removed, reviewed.bytes);
        metrics::review_postponed(kind.name(), "busy", reviewed.busy);
        metrics::review_postponed(kind.name(), "policy", reviewed.waiting);
        if kind == ReviewKind::Blob && reviewed.removed > 0 {
            self.pins.wake();
        }
        Ok(reviewed)
    }

    /// Reviews the items of a batch that failed one by one, so that the others are done, and postpones those that fail.
    async fn step_by_item(
        &self,
        kind: ReviewKind,
        error: &StoreError,
        stop: &CancellationToken,
    ) -> Result<Reviewed, JobError> {
        warn!(event = "review_failed", kind = kind.name(), %error, "a review of {kind} failed and is repeated item by item");
        let mut sum = Reviewed::default();
        for _ in 0..BATCH {
            if stop.is_cancelled() {
                break;
            }
            match self.step(kind, 1).await {
                Ok(Reviewed { items: 0, .. }) => break,
                Ok(one) => sum.removed += one.removed,
                Err(unavailable @ StoreError::Unavailable(_)) => return Err(unavailable.into()),
                Err(error) => {
                    self.store.reviews().postpone_next(kind, self.rules.window).await?;
                    metrics::review_postponed(kind.name(), "error", 1);
                    warn!(event = "review_postponed", kind = kind.name(), %error, "an item of {kind} cannot be reviewed and waits");
                }
            }
            sum.items += 1;
        }
        Ok(sum)
    }
}

/// What becomes of a manifest by the rules.
pub fn judge(rules: &EndRules, facts: &TaggedFacts) -> Judged {
    match rules.retention.judge(&of(facts)) {
        Verdict::Keep(_) => Judged::Stays,
        Verdict::Wait(time) => Judged::Waits(time),
        Verdict::Remove => Judged::Goes,
    }
}

/// The facts in the words of the policy.
pub fn of(facts: &TaggedFacts) -> Facts<'_> {
    let TaggedFacts { tagged, indexed, referred, refers, quiet, .. } = *facts;
    Facts { repository: &facts.repository, tagged, indexed, referred, refers, quiet }
}

impl ReviewProgress {
    fn add(&self, reviewed: &Reviewed) {
        self.0.items.fetch_add(reviewed.items, Ordering::Relaxed);
        self.0.removed.fetch_add(reviewed.removed, Ordering::Relaxed);
        self.0.bytes.fetch_add(reviewed.bytes, Ordering::Relaxed);
    }

    /// Items that were looked at.
    pub fn items(&self) -> u64 {
        self.0.items.load(Ordering::Relaxed)
    }

    /// Items that were removed.
    pub fn removed(&self) -> u64 {
        self.0.removed.load(Ordering::Relaxed)
    }

    /// Bytes of the content that was removed.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

impl Job for Review {
    const NAME: &'static str = "review";
    const FAILED: &'static str = "review_run_failed";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    /// Each kind comes before those that its removals put into the queue.
    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let before = self.progress.items();
        for kind in ReviewKind::ALL {
            self.finish(kind, stop).await?;
        }
        while !stop.is_cancelled() && self.store.deletions().forget(self.rules.window).await? > 0 {}
        Ok(Done { items: self.progress.items() - before })
    }

    async fn backlog(&self) -> Result<Option<Backlog>, JobError> {
        let kinds = self.store.reviews().backlog(self.rules.window).await?;
        for kind in &kinds {
            metrics::review_queue(kind.kind.name(), kind.items, kind.due);
        }
        let items = kinds.iter().map(|kind| kind.due).sum();
        Ok(Some(Backlog { items, oldest: kinds.iter().filter_map(|kind| kind.oldest).max() }))
    }
}
