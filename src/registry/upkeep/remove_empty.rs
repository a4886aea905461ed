//! Removes repositories that hold nothing: an upload that was opened and cancelled leaves one behind.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::jobs::{Done, Job, JobError, Scope};
use crate::store::Store;

/// Removes repositories that hold nothing, that nobody has used for an hour, and that no operator has made public or
/// granted rights on by name.
#[derive(Clone, Debug)]
pub struct RemoveEmpty(Store);

impl RemoveEmpty {
    /// Time between two runs. A run looks at every repository, so it is long.
    pub const PERIOD: Duration = Duration::from_secs(3600);

    /// How long a repository holds nothing before it is removed: a push may be about to begin.
    const AGE: Duration = Duration::from_secs(3600);

    /// Looks after the repositories in `store`.
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

impl Job for RemoveEmpty {
    const NAME: &'static str = "remove-empty";
    const FAILED: &'static str = "empty_repositories_not_removed";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let (mut items, mut after, mut failed, mut reason) = (0, 0, 0, String::new());
        // What a step has not committed when it is cut, the next run does.
        while let Some(swept) =
            stop.run_until_cancelled(self.0.repositories().sweep(after, Self::AGE)).await
            && let Some(swept) = swept?
        {
            after = swept.last;
            items += swept.removed;
            failed += swept.failed;
            reason = if swept.failed > 0 { swept.reason } else { reason };
        }
        if items > 0 {
            info!(
                event = "repositories_removed",
                count = items,
                "removed {items} empty repositories"
            );
        }
        if failed > 0 {
            let text = format!("{failed} empty repositories could not be removed, {items} were");
            return Err(JobError::new(format!("{text}; {reason}")));
        }
        Ok(Done { items })
    }
}
