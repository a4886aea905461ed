//! The time limit of calls, and retries of transactions.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::store::error::StoreError;

/// The longest time that a function of the store takes.
pub const CALL: Duration = Duration::from_secs(5);

/// How often a transaction is attempted.
const ATTEMPTS: u32 = 4;

/// Ends a call after [`CALL`]. A connection that it has borrowed is closed.
pub(crate) async fn bounded<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(CALL, call).await.unwrap_or_else(|_| Err(StoreError::timed_out("the call")))
}

/// Runs a transaction, and repeats it after a conflict. All attempts together end after [`CALL`].
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

/// Some milliseconds before the next attempt. They are random, so that transactions that conflicted once do not start
/// together again.
fn pause(attempt: u32) -> Duration {
    let [random, ..] = Uuid::new_v4().into_bytes();
    Duration::from_millis(u64::from(attempt * u32::from(random) / 16))
}
