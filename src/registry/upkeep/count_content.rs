//! Counts what is slow to count, for the metrics: pins and blocks of Kubo, and blobs under quarantine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::jobs::{Done, Job, JobError, Scope};
use crate::registry::Registry;
use crate::telemetry::metrics;

/// Counts are taken so seldom that they take at most this part of the time: Kubo delays new pins while it lists the old
/// ones.
const SHARE: u32 = 200;

/// Counts pins, blocks and damaged blobs, and publishes the numbers.
pub struct CountContent {
    registry: Registry,
    /// Milliseconds that the last run took.
    took: AtomicU64,
}

impl CountContent {
    /// Shortest time between two runs.
    pub const PERIOD: Duration = Duration::from_secs(300);

    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, took: AtomicU64::new(0) }
    }

    async fn count(&self) -> Result<(), JobError> {
        let ipfs = self.registry.ipfs();
        metrics::in_quarantine(self.registry.store().blobs().count_quarantined().await?);
        metrics::kubo_pins(ipfs.count_pins().await?);
        metrics::kubo_objects(ipfs.count_objects().await?);
        Ok(())
    }
}

impl Job for CountContent {
    const NAME: &'static str = "count-content";
    const FAILED: &'static str = "content_not_counted";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        let took = Duration::from_millis(self.took.load(Ordering::Relaxed));
        Self::PERIOD.max(took * SHARE)
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let began = Instant::now();
        let counted = stop.run_until_cancelled(self.count()).await;
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.took.store(took, Ordering::Relaxed);
        counted.unwrap_or(Ok(()))?;
        Ok(Done::default())
    }
}
