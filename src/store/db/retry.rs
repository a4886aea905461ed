//! Limits of time, and trying a whole transaction again.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::store::error::StoreError;

/// The longest that a function of this room takes.
pub const CALL: Duration = Duration::from_secs(5);

/// How often a transaction is tried.
const ATTEMPTS: u32 = 4;

/// Lets a call take [`CALL`] and no longer. What it held is dropped with it, a borrowed connection closed.
pub(crate) async fn bounded<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(CALL, call).await.unwrap_or_else(|_| Err(StoreError::timed_out("the call")))
}

/// As [`bounded`], for a whole transaction that may be tried again when it met another one.
pub(crate) async fn retrying<T, F>(mut transaction: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    bounded(async {
        let mut attempt = 1;
        loop {
            match transaction().await {
                Err(StoreError::Conflict(_)) if attempt < ATTEMPTS => sleep(pause(attempt)).await,
                result => return result,
            }
            attempt += 1;
        }
    })
    .await
}

/// Some milliseconds, random so that those who met do not meet again.
fn pause(attempt: u32) -> Duration {
    let [random, ..] = Uuid::new_v4().into_bytes();
    Duration::from_millis(u64::from(attempt * u32::from(random) / 16))
}
