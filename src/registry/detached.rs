//! Work that runs to its end even if its caller stops waiting.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::RegistryError;
use crate::stream::bulk;
use crate::telemetry::trace;

/// How long a shutdown waits for work whose caller has gone. It only has to store bytes that have arrived, so a healthy
/// Kubo and PostgreSQL need far less.
const SETTLE: Duration = Duration::from_secs(5);

/// The tasks that do such work.
#[derive(Default)]
pub(super) struct Detached(TaskTracker);

impl Detached {
    /// Runs `work` in a task of its own and waits for its result.
    ///
    /// When a client goes away, hyper drops the handler of its request. But a part that Kubo has stored must still get
    /// its row, and an operation of several steps must not stop between two of them.
    ///
    /// # Errors
    /// Those of `work`, and [`RegistryError::Cut`] when it panics or the process stops.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, RegistryError>> + Send + 'static,
    ) -> Result<T, RegistryError> {
        match self.0.spawn(bulk::Task::new(trace::within(trace::current(), work))).await {
            Ok(result) => result,
            Err(error) => Err(RegistryError::Cut(error.to_string())),
        }
    }

    /// Starts `work` without waiting for it.
    pub(super) fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(trace::within(trace::current(), work));
    }

    /// Waits until all work has ended, or at most [`SETTLE`]. Returns how many tasks still run.
    pub(super) async fn settled(&self) -> usize {
        self.0.close();
        // A timeout shows in the number of tasks.
        let _ = timeout(SETTLE, self.0.wait()).await;
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_its_caller_stops_waiting() {
        let detached = Detached::default();
        let (begun, has_begun) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let call = detached.run(async move {
            begun.send(()).unwrap();
            released.await.unwrap();
            done.send(7).unwrap();
            Ok(())
        });
        tokio::select! {
            _ = call => panic!("the work was not released"),
            begun = has_begun => begun.unwrap(),
        }
        release.send(()).unwrap();
        assert_eq!(detached.settled().await, 0);
        assert_eq!(is_done.await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_does_not_wait_for_ever() {
        let detached = Detached::default();
        detached.start(pending());
        assert_eq!(detached.settled().await, 1);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_the_call() {
        let detached = Detached::default();
        let result = detached.run::<()>(async { panic!("on purpose") }).await;
        assert!(matches!(result, Err(RegistryError::Cut(_))));
    }
}
