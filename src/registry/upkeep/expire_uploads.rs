//! Ends uploads that nobody continues, and forgets tombstones of the pin queue.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::jobs::{Done, Job, JobError, Nudge, Scope};
use crate::store::{Backlog, Store};

/// Ends idle uploads in batches. Their parts go into the queue of `drop-pins`, which is nudged.
#[derive(Clone, Debug)]
pub struct ExpireUploads {
    store: Store,
    idle: Duration,
    pins: Nudge,
}

impl ExpireUploads {
    /// Longest time between two runs. The time is shorter if uploads expire sooner.
    pub const PERIOD: Duration = Duration::from_secs(60);

    /// Ends uploads that nobody touched for `idle`; `pins` wakes [`DropPins`](super::DropPins).
    pub fn new(store: Store, idle: Duration, pins: Nudge) -> Self {
        Self { store, idle, pins }
    }
}

impl Job for ExpireUploads {
    const NAME: &'static str = "expire-uploads";
    const FAILED: &'static str = "upload_expiry_failed";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        Self::PERIOD.min(self.idle)
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let mut items = 0;
        while !stop.is_cancelled() {
            let ended = self.store.uploads().expire(self.idle).await?;
            if ended == 0 {
                break;
            }
            items += ended;
            info!(event = "uploads_expired", count = ended, "ended {ended} idle uploads");
            self.pins.wake();
        }
        while !stop.is_cancelled() && self.store.unpins().forget().await? > 0 {}
        Ok(Done { items })
    }

    async fn backlog(&self) -> Result<Option<Backlog>, JobError> {
        Ok(Some(self.store.uploads().backlog(self.idle).await?))
    }
}
