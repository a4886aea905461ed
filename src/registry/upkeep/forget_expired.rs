//! Removes rows that count for nothing any more.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::jobs::{Done, Job, JobError, Scope};
use crate::store::Store;

/// Removes expired refresh tokens, retired signing keys, old notes of pushes, expired challenges, certificates that no
/// setting names, and the records of jobs that no longer exist.
#[derive(Clone, Debug)]
pub struct ForgetExpired {
    store: Store,
    refresh_token_life: Duration,
}

impl ForgetExpired {
    /// Time between two runs.
    pub const PERIOD: Duration = Duration::from_secs(3600);

    /// How long a note of a push is kept. It counts for ten minutes.
    const PUSHES: Duration = Duration::from_secs(24 * 3600);

    /// How long a key is kept that nobody trusts.
    const KEYS: Duration = Duration::from_secs(24 * 3600);

    /// How long something is kept that no instance has touched, in case that one with other settings comes back.
    const UNTOUCHED: Duration = Duration::from_secs(365 * 24 * 3600);

    /// A refresh token has expired when it was not used for `refresh_token_life`.
    pub fn new(store: Store, refresh_token_life: Duration) -> Self {
        Self { store, refresh_token_life }
    }
}

impl Job for ForgetExpired {
    const NAME: &'static str = "forget-expired";
    const FAILED: &'static str = "expired_not_forgotten";
    const SCOPE: Scope = Scope::Shared;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    async fn run(&self, stop: &CancellationToken) -> Result<Done, JobError> {
        let Self { store, refresh_token_life } = self;
        let mut items = 0;
        while !stop.is_cancelled() {
            let pushes = store.recent_pushes().forget(Self::PUSHES).await?;
            let tokens = store.refresh_tokens().forget(*refresh_token_life).await?;
            items += pushes + tokens;
            if pushes + tokens == 0 {
                break;
            }
        }
        items += store.signing_keys().forget(Self::KEYS).await?;
        items += store.challenges().forget().await?;
        items += store.certificates().forget(Self::UNTOUCHED).await?;
        items += store.jobs().forget(Self::UNTOUCHED).await?;
        Ok(Done { items })
    }
}
