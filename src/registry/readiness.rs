//! Remembers for a moment whether both partners answer, so that a burst of probes asks them once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::RegistryError;

/// How long a result is remembered.
const REMEMBERED: Duration = Duration::from_secs(1);

type Outcome = Result<(), Arc<RegistryError>>;

/// The last result and when it was found out.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Outcome)>>);

impl Readiness {
    /// The result of `ask`, or the last one if it is at most a second old. Callers that come while it runs wait for it.
    pub(super) async fn check<F>(&self, ask: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Result<(), RegistryError>>,
    {
        let mut last = self.0.lock().await;
        if let Some((at, outcome)) = &*last
            && at.elapsed() < REMEMBERED
        {
            return outcome.clone();
        }
        let outcome = ask().await.map_err(Arc::new);
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_asks_once_a_second() {
        let (readiness, asked) = (Readiness::default(), AtomicU32::new(0));
        let ask = |answer: fn() -> Result<(), RegistryError>| {
            asked.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                answer()
            }
        };
        let burst = || async {
            let check = || readiness.check(|| ask(|| Ok(())));
            tokio::join!(check(), check(), check())
        };
        assert!(matches!(burst().await, (Ok(()), Ok(()), Ok(()))));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(REMEMBERED).await;
        let failed = readiness.check(|| ask(|| Err(RegistryError::Overloaded))).await;
        assert!(failed.is_err());
        // The failure is remembered as well, and no longer than a success.
        assert!(matches!(burst().await, (Err(_), Err(_), Err(_))));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        tokio::time::advance(REMEMBERED).await;
        assert!(burst().await.0.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
