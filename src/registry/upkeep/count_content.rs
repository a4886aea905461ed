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
/// Longest pause after a count that failed: a Kubo that hung for a minute must not leave the figures old for hours.
const LONGEST_AFTER_FAILURE: Duration = Duration::from_secs(3600);

/// Counts pins, blocks and damaged blobs, and publishes the numbers.
pub struct CountContent {
    registry: Registry,
    /// Milliseconds until the next run.
    pause: AtomicU64,
}

impl CountContent {
    /// Shortest time between two runs.
    pub const PERIOD: Duration = Duration::from_secs(300);

    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, pause: AtomicU64::new(0) }
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
        Self::PERIOD.max(Duration::from_millis(self.pause.load(Ordering::Relaxed)))
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let began = Instant::now();
        let counted = stop.run_until_cancelled(self.count()).await;
        let counted = counted.unwrap_or(Ok(()));
        let pause = pause(began.elapsed(), counted.is_err()).as_millis();
        self.pause.store(u64::try_from(pause).unwrap_or(u64::MAX), Ordering::Relaxed);
        counted?;
        Ok(Done::default())
    }
}

fn pause(took: Duration, failed: bool) -> Duration {
    let pause = took * SHARE;
    if failed { pause.min(LONGEST_AFTER_FAILURE) } else { pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_failed_is_not_put_off_for_hours() {
        let took = Duration::from_secs(60);
        assert_eq!(pause(took, false), Duration::from_secs(12_000));
        assert_eq!(pause(took, true), LONGEST_AFTER_FAILURE);
        assert_eq!(pause(Duration::from_secs(1), true), Duration::from_secs(200));
    }
}
