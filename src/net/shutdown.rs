//! The shutdown of the process, begun by a signal.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tracing::info;

/// A shutdown in two steps. Cheap to clone; all clones are one shutdown.
///
/// When it has *begun*, nothing new is accepted and what was accepted is finished. After the drain time, or at once on a
/// second signal, it is *cut*: what still runs is dropped.
#[derive(Clone, Debug)]
pub struct Shutdown {
    begun: CancellationToken,
    cut: CancellationToken,
    drain: Duration,
}

impl Shutdown {
    /// A shutdown that only [`begin`](Self::begin) begins. `drain` is the time for running requests to finish.
    pub fn new(drain: Duration) -> Self {
        let cut = CancellationToken::new();
        Self { begun: CancellationToken::new(), cut, drain }
    }

    /// A shutdown that SIGTERM or SIGINT begins. A second signal cuts it.
    pub fn on_signals(drain: Duration) -> io::Result<Self> {
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
                if signalled.is_begun() {
                    info!(
                        signal = name,
                        "second signal: stopping without waiting for running requests"
                    );
                    signalled.cut();
                } else {
                    info!(
                        signal = name,
                        drain_seconds = drain.as_secs(),
                        "stopping: running requests are finished"
                    );
                    signalled.begin();
                }
            }
        });
        Ok(shutdown)
    }

    /// Begins the shutdown: nothing new is accepted, what runs is finished.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Cuts the shutdown: what still runs is dropped.
    pub fn cut(&self) {
        self.begun.cancel();
        self.cut.cancel();
    }

    /// Whether the shutdown has begun.
    pub fn is_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// A token that is cancelled when the shutdown begins.
    pub fn draining(&self) -> CancellationToken {
        self.begun.child_token()
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
        let shutdown = Shutdown::on_signals(wait).unwrap();
        assert!(!shutdown.is_begun());
        kill("-TERM");
        timeout(wait, shutdown.begun()).await.unwrap();
        assert!(!shutdown.cut.is_cancelled());
        kill("-INT");
        timeout(wait, shutdown.is_cut()).await.unwrap();
    }
}
