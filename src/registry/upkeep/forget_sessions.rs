//! Forgets what this process remembers of uploads that nobody continues.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::jobs::{Done, Job, JobError, Scope};
use crate::registry::Registry;

/// Frees the running hashes of idle uploads. An upload that is continued later is read back from Kubo.
#[derive(Clone)]
pub struct ForgetSessions(Registry);

impl ForgetSessions {
    /// Longest time between two runs. The time is shorter if uploads expire sooner.
    pub const PERIOD: Duration = Duration::from_secs(60);

    /// Looks after the memory of `registry`.
    pub fn new(registry: Registry) -> Self {
        Self(registry)
    }
}

impl Job for ForgetSessions {
    const NAME: &'static str = "forget-sessions";
    const FAILED: &'static str = "sessions_not_forgotten";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        Self::PERIOD.min(self.0.limits().upload_idle)
    }

    async fn run(&self, _: &CancellationToken) -> Result<Done, JobError> {
        let items = self.0.sessions().forget_idle(self.0.limits().upload_idle);
        Ok(Done { items })
    }
}
