//! Looks whether a collection of garbage is under way.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::jobs::{Done, Job, JobError, Scope};
use crate::registry::Registry;
use crate::registry::collecting::LOOK_EVERY;

/// Looks once a second, so that uploads whose clients pause store what has come before blocks are removed.
pub struct FollowCollections(Registry);

impl FollowCollections {
    /// Time between two looks.
    pub const PERIOD: Duration = LOOK_EVERY;

    pub(super) fn new(registry: Registry) -> Self {
        Self(registry)
    }
}

impl Job for FollowCollections {
    const NAME: &'static str = "follow-collections";
    const FAILED: &'static str = "collections_not_followed";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    async fn run(&self, _: &CancellationToken) -> Result<Done, JobError> {
        self.0.collecting().look().await?;
        Ok(Done { items: 0 })
    }
}
