//! Waiting for a partner that is gone for a moment, such as one that restarts.
//!
//! A call that may be made again is made again until the partner answers, but no longer than [`AWAY`] in all, and only
//! while few other calls wait. Who waits holds nothing but a place here: no connection, no lock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::back_off::BackOff;
use crate::telemetry::metrics::{self, Queue, Raised};

/// The longest time that a partner may be gone without a failure that a client sees.
pub const AWAY: Duration = Duration::from_secs(5);

/// Most calls that wait for one partner.
pub const WAITING: usize = 1024;

/// Pauses between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(150);

/// The calls that wait for one partner. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Waiting(Arc<Semaphore>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WAITING)))
    }
}

impl Waiting {
    /// The patience of one call, which ends at `deadline`.
    pub fn until(&self, deadline: Instant) -> Patience {
        let pauses = BackOff::new(FIRST_PAUSE, LONGEST_PAUSE);
        Patience { waiting: self.clone(), deadline, tried_again: false, place: None, pauses }
    }
}

/// The patience of one call. Dropping it frees the place of the call.
#[derive(Debug)]
pub struct Patience {
    waiting: Waiting,
    deadline: Instant,
    tried_again: bool,
    place: Option<(OwnedSemaphorePermit, Raised)>,
    pauses: BackOff,
}

impl Patience {
    /// Waits for the next try of a call that found its partner gone. Returns `false` at once if there is none: the time is
    /// over, or as many others wait as may.
    ///
    /// The first time it returns at once and takes no place, since the partner may have closed one connection only.
    pub async fn again(&mut self) -> bool {
        if !self.tried_again {
            self.tried_again = true;
            return Instant::now() < self.deadline;
        }
        let pause = self.pauses.failed();
        if Instant::now() + pause >= self.deadline {
            return false;
        }
        if self.place.is_none() {
            let Ok(place) = Arc::clone(&self.waiting.0).try_acquire_owned() else { return false };
            self.place = Some((place, metrics::queued(Queue::Partners)));
        }
        sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_is_tried_again_until_its_deadline() {
        let waiting = Waiting::default();
        let began = Instant::now();
        let mut patience = waiting.until(began + AWAY);
        let mut tries = 0;
        while patience.again().await {
            tries += 1;
        }
        assert!(tries > 20, "{tries}");
        let waited = began.elapsed();
        assert!(waited < AWAY && waited > AWAY - 2 * LONGEST_PAUSE, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_calls_wait() {
        let waiting = Waiting::default();
        let calls: Vec<_> = (0..WAITING)
            .map(|_| {
                let mut patience = waiting.until(Instant::now() + AWAY);
                tokio::spawn(async move {
                    assert!(patience.again().await && patience.again().await);
                    patience
                })
            })
            .collect();
        let mut patient = Vec::new();
        for call in calls {
            patient.push(call.await.unwrap());
        }
        let began = Instant::now();
        let mut late = waiting.until(Instant::now() + AWAY);
        assert!(late.again().await, "a second try needs no place");
        assert!(!late.again().await);
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(patient.pop());
        assert!(late.again().await);
    }
}
