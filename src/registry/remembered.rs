//! Remembers an answer for a moment, so that a burst of callers asks once.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The last answer and when it was found out.
#[derive(Debug)]
pub(super) struct Remembered<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Remembered<T> {
    /// The answer of `ask`, or the last one if it is at most a second old. Callers that come while it runs wait for it.
    pub(super) async fn get<F>(&self, ask: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T>,
    {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < REMEMBERED
        {
            return answer.clone();
        }
        let answer = ask().await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::registry::RegistryError;

    #[tokio::test(start_paused = true)]
    async fn a_burst_asks_once_a_second() {
        let (readiness, asked) = (Remembered::default(), AtomicU32::new(0));
        let ask = |answer: fn() -> Result<(), Arc<RegistryError>>| {
            asked.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                answer()
            }
        };
        let burst = || async {
            let check = || readiness.get(|| ask(|| Ok(())));
            tokio::join!(check(), check(), check())
        };
        assert!(matches!(burst().await, (Ok(()), Ok(()), Ok(()))));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(REMEMBERED).await;
        let failed = readiness.get(|| ask(|| Err(Arc::new(RegistryError::Overloaded)))).await;
        assert!(failed.is_err());
        // The failure is remembered as well, and no longer than a success.
        assert!(matches!(burst().await, (Err(_), Err(_), Err(_))));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        tokio::time::advance(REMEMBERED).await;
        assert!(burst().await.0.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
