//! Finds untagged manifests from the time before there was a policy for them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::jobs::{Done, Job, JobError, Scope};
use crate::registry::EndRules;
use crate::store::Store;

/// Puts untagged manifests into the queue of [`Review`](super::Review), where a policy may remove them. Who removes a tag
/// does that too, but a review forgets what no policy of its time is about.
#[derive(Clone, Debug)]
pub struct FindUntagged {
    store: Store,
    rules: EndRules,
}

impl FindUntagged {
    /// Time between two runs. A run looks at every manifest, so it is long.
    pub const PERIOD: Duration = Duration::from_secs(24 * 3600);

    /// Looks through all repositories for which `rules` has a policy.
    pub fn new(store: Store, rules: EndRules) -> Self {
        Self { store, rules }
    }
}

impl Job for FindUntagged {
    const NAME: &'static str = "find-untagged";
    const FAILED: &'static str = "untagged_not_found";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let prefixes = self.rules.retention.prefixes();
        let (mut items, mut after) = (0, (0, 0));
        while !prefixes.is_empty()
            && !stop.is_cancelled()
            && let Some(walked) = self.store.reviews().find_untagged(after, &prefixes).await?
        {
            after = walked.last;
            items += walked.found;
        }
        Ok(Done { items })
    }
}
