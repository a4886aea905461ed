//! The shutdown of the process, begun by a signal.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tracing::info;

/// A shutdown in two steps. Cheap to clone; all clones are one shutdown.
///
/// It is *announced* first: the server says that it is not ready, and still serves. When it has *begun*, nothing new is
/// accepted and what was accepted is finished. After the drain time, or at once on a second signal, it is *cut*: what still
/// runs is dropped.
#[derive(Clone, Debug)]
pub struct Shutdown {
    announced: CancellationToken,
    begun: CancellationToken,
    cut: CancellationToken,
    drain: Duration,
}

impl Shutdown {
    /// A shutdown that only [`begin`](Self::begin) begins. `drain` is the time for running requests to finish.
    pub fn new(drain: Duration) -> Self {
        let token = CancellationToken::new;
        Self { announced: token(), begun: token(), cut: token(), drain }
    }

    /// A shutdown that SIGTERM or SIGINT announces. It begins `delay` later. A second signal cuts it.
    pub fn on_signals(drain: Duration, delay: Duration) -> io::Result<Self> {
        let shutdown = Self::new(drain);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let signalled = shutdown.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if signalled.announced.is_cancelled() {
                    info!(
                        signal = name,
                        "second signal: stopping without waiting for running requests"
                    );
                    signalled.cut();
                } else {
                    info!(
                        signal = name,
                        delay_seconds = delay.as_secs(),
                        drain_seconds = drain.as_secs(),
                        "stopping: running requests are finished"
                    );
                    signalled.begin_after(delay);
                }
            }
        });
        Ok(shutdown)
    }

    /// Begins the shutdown: nothing new is accepted, what runs is finished.
    pub fn begin(&self) {
        self.announced.cancel();
        self.begun.cancel();
    }

    /// Announces the shutdown now, and begins it after `delay`.
    fn begin_after(&self, delay: Duration) {
        if delay.is_zero() {
            return self.begin();
        }
        self.announced.cancel();
        let announced = self.clone();
        tokio::spawn(async move {
            sleep(delay).await;
            announced.begin();
        });
    }

    /// Cuts the shutdown: what still runs is dropped.
    pub fn cut(&self) {
        self.begin();
        self.cut.cancel();
    }

    /// Whether the shutdown has begun.
    pub fn is_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// A token that is cancelled when the shutdown is announced.
    pub fn draining(&self) -> CancellationToken {
        self.announced.child_token()
    }

    /// Resolves when the shutdown has begun.
    pub fn begun(&self) -> WaitForCancellationFuture<'_> {
        self.begun.cancelled()
    }

    /// Resolves when the shutdown is cut.
    pub async fn is_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Time for running requests to finish.
    pub fn drain(&self) -> Duration {
        self.drain
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn the_first_signal_begins_and_the_second_cuts() {
        let wait = Duration::from_secs(5);
        let kill = |signal: &str| {
            let done = Command::new("kill").arg(signal).arg(id().to_string()).status();
            assert!(done.unwrap().success());
        };
        let shutdown = Shutdown::on_signals(wait, Duration::ZERO).unwrap();
        assert!(!shutdown.is_begun());
        kill("-TERM");
        timeout(wait, shutdown.begun()).await.unwrap();
        assert!(!shutdown.cut.is_cancelled());
        kill("-INT");
        timeout(wait, shutdown.is_cut()).await.unwrap();
    }
    #[tokio::test(start_paused = true)]
    async fn a_shutdown_is_announced_before_it_begins() {
        let (delay, shutdown) = (Duration::from_secs(5), Shutdown::new(Duration::ZERO));
        let (draining, announced) = (shutdown.draining(), tokio::time::Instant::now());
        shutdown.begin_after(delay);
        assert!(draining.is_cancelled() && !shutdown.is_begun());
        shutdown.begun().await;
        assert!(announced.elapsed() >= delay);
    }
}
