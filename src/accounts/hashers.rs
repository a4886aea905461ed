//! The threads that compare passwords. There is one less than there are cores, so that a flood of logins leaves a core to
//! everything else. The line in front of them is short: a caller who would wait for long is refused at once.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::line::{Line, Place};
use super::password::{Comparer, hash_password};
use super::{AccountsError, random_password};
use crate::telemetry::metrics::{self, Queue};

/// The most callers that wait for each thread. At tens of milliseconds for each, the last one waits about a second.
const WAITING: usize = 32;

/// Work for a thread that compares passwords.
type Work = Box<dyn FnOnce(&mut Comparer) + Send>;

/// The threads. They end when this is dropped.
pub(crate) struct Hashers(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    line: Line<Work>,
    closed: bool,
}

impl Hashers {
    /// Starts the threads. Takes tens of milliseconds.
    ///
    /// # Errors
    /// [`AccountsError::Internal`]: a thread cannot be started.
    pub(crate) async fn start() -> Result<Self, AccountsError> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(cores.saturating_sub(1).max(1)).await
    }

    async fn with_threads(threads: usize) -> Result<Self, AccountsError> {
        let dummy: Arc<str> = hash_password(&random_password()).await?.into();
        let state = State { line: Line::new(threads * WAITING), closed: false };
        let hashers = Self(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }));
        for _ in 0..threads {
            let (shared, comparer) = (Arc::clone(&hashers.0), Comparer::new(Arc::clone(&dummy)));
            let started = thread::Builder::new()
                .name("passwords".to_owned())
                .spawn(move || shared.work_off(comparer));
            started.map_err(|error| {
                let what = "a thread that compares passwords could not be started";
                AccountsError::Internal(format!("{what}: {error}"))
            })?;
        }
        Ok(hashers)
    }

    /// Runs `work` on one of the threads in its turn. Answers `None` when too many others wait. Work that has begun runs
    /// to its end, even if the caller stops waiting.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce(&mut Comparer) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        let waiting = metrics::queued(Queue::Logins);
        let work = Box::new(move |comparer: &mut Comparer| {
            drop(waiting);
            drop(sender.send(work(comparer)));
        });
        if !self.0.state().line.join(place, work) {
            return None;
        }
        self.0.changed.notify_one();
        // The sender is dropped when another caller took the place.
        answer.await.ok()
    }
}

impl Shared {
    fn work_off(&self, mut comparer: Comparer) {
        while let Some(work) = self.next() {
            // The panic hook reports a panic, which ends one login instead of the thread.
            drop(catch_unwind(AssertUnwindSafe(|| work(&mut comparer))));
        }
    }

    /// Waits for work; `None` when there is no more to come.
    fn next(&self) -> Option<Work> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            if let Some(work) = state.line.next() {
                return Some(work);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hashers {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for Hashers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::config::Secret;

    fn stranger() -> Place {
        Place { familiar: false, network: "192.0.2.0/24".parse().unwrap() }
    }

    #[tokio::test]
    async fn a_full_line_refuses_at_once() {
        let hashers = Arc::new(Hashers::with_threads(1).await.unwrap());
        let (release, held) = mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let run = |work: Work| {
            let hashers = Arc::clone(&hashers);
            tokio::spawn(async move { hashers.run(stranger(), work).await })
        };
        let first = run(Box::new(move |_| {
            began.send(()).unwrap();
            held.recv().unwrap();
        }));
        begun.await.unwrap();
        let waiting: Vec<_> = (0..WAITING).map(|_| run(Box::new(|_| ()))).collect();
        // One thread runs all tasks in turn, so those above have joined the line after this.
        tokio::task::yield_now().await;
        assert_eq!(hashers.run(stranger(), |_| ()).await, None);
        // A caller from an address that has logged in before takes the place of the last one.
        let friend = Place { familiar: true, ..stranger() };
        let friend = hashers.run(friend, |_| "right");
        let (friend, ()) = tokio::join!(friend, async { release.send(()).unwrap() });
        assert_eq!(friend, Some("right"));
        assert_eq!(first.await.unwrap(), Some(()));
        let mut served = 0;
        for task in waiting {
            served += usize::from(task.await.unwrap().is_some());
        }
        assert_eq!(served, WAITING - 1);
    }

    #[tokio::test]
    async fn a_missing_account_costs_as_much_as_a_wrong_password() {
        let hashers = Hashers::with_threads(1).await.unwrap();
        let dummy = hashers.run(stranger(), |comparer| comparer.dummy.to_string()).await.unwrap();
        let hash = hash_password(&Secret::new("x")).await.unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(cost(&dummy), cost(&hash));
    }

    #[tokio::test]
    async fn a_panic_ends_one_login_and_not_the_thread() {
        let hashers = Hashers::with_threads(1).await.unwrap();
        assert_eq!(hashers.run::<()>(stranger(), |_| panic!("as a test")).await, None);
        assert_eq!(hashers.run(stranger(), |_| 7).await, Some(7));
    }
}
