//! Loads the signing keys again, and forgets failed logins that no longer count.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Auth;
use super::authority::RELOAD;
use crate::jobs::{Done, Job, JobError, Scope};

/// Keeps the signing keys of this process those of the database.
#[derive(Clone, Debug)]
pub struct ReloadKeys(Auth);

impl Auth {
    /// The job that keeps the signing keys up to date. `None` on a server that asks for no login.
    pub fn reload_keys(&self) -> Option<ReloadKeys> {
        self.asks_for_login().then(|| ReloadKeys(self.clone()))
    }
}

impl ReloadKeys {
    /// Time between two runs.
    pub const PERIOD: Duration = RELOAD;
}

impl Job for ReloadKeys {
    const NAME: &'static str = "reload-keys";
    const FAILED: &'static str = "signing_keys_not_loaded";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    /// With keys that were loaded before, tokens are issued and verified for hours while this fails.
    async fn run(&self, _: &CancellationToken) -> Result<Done, JobError> {
        let authority = self.0.authority()?;
        authority.limits.prune();
        authority.keys.reload().await?;
        Ok(Done { items: 1 })
    }
}
