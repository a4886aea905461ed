//! The time limit of calls, and when a call is made again.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;

use crate::outbound::Waiting;
use crate::store::error::StoreError;

/// The longest time that a function of the store takes.
pub const CALL: Duration = Duration::from_secs(5);

/// How often a transaction is attempted that conflicts with others.
const ATTEMPTS: u32 = 4;

/// Ends a call after [`CALL`]. A connection that it has borrowed is closed.
pub(crate) async fn bounded<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(CALL, call).await.unwrap_or_else(|_| Err(StoreError::timed_out("the call")))
}

/// When a call is made again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Again {
    /// While PostgreSQL is gone, and only if the call has changed nothing.
    Unchanged,
    /// As `Unchanged`, and a few times after a conflict.
    Conflicting,
    /// As `Conflicting`, and also if the call may have taken effect: twice is as good as once.
    Always,
}

impl Again {
    fn attempts(self) -> u32 {
        if matches!(self, Self::Unchanged) { 1 } else { ATTEMPTS }
    }
}

/// The result of the last attempt of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled<T> {
    pub(crate) result: T,
    /// Whether an attempt before it may have taken effect: its connection was lost before PostgreSQL answered. The result
    /// then may be what that attempt has left: a row that is gone was perhaps removed by it.
    pub(crate) in_doubt: bool,
}

/// Makes a call, and makes it again as `again` says. Waits for PostgreSQL while that is gone. All attempts together end
/// after [`CALL`].
pub(super) async fn persist<T, F>(
    waiting: &Waiting,
    again: Again,
    call: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    settle(waiting, again, call).await.map(|settled| settled.result)
}

/// As [`persist`], and tells whether an attempt before the last one may have taken effect.
pub(super) async fn settle<T, F>(
    waiting: &Waiting,
    again: Again,
    mut call: impl FnMut() -> F,
) -> Result<Settled<T>, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let deadline = Instant::now() + CALL;
    let mut patience = waiting.until(deadline);
    let (mut attempt, mut seen, mut in_doubt) = (1, None, false);
    loop {
        let Ok(result) = timeout_at(deadline, call()).await else {
            return Err(seen.unwrap_or_else(|| StoreError::timed_out("the call")));
        };
        match result {
            Err(StoreError::Conflict(_)) if attempt < again.attempts() => {
                sleep(pause(attempt)).await;
                attempt += 1;
            }
            Err(StoreError::Unavailable(outage))
                if outage.permits_repetition(matches!(again, Again::Always)) =>
            {
                in_doubt |= outage.is_in_doubt();
                let gone = StoreError::Unavailable(outage);
                if !patience.again().await {
                    return Err(gone);
                }
                seen = Some(gone);
            }
            result => return result.map(|result| Settled { result, in_doubt }),
        }
    }
}

/// Some milliseconds before the next attempt. They are random, so that transactions that conflicted once do not start
/// together again.
fn pause(attempt: u32) -> Duration {
    let [random, ..] = Uuid::new_v4().into_bytes();
    Duration::from_millis(u64::from(attempt * u32::from(random) / 16))
}
