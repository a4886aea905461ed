//! Keeps a partner running until it is told to stop.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::child::{Child, Ladder};
use super::error::EmbeddedError;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// A life at least this long starts the delays over.
const GOOD_LIFE: Duration = Duration::from_secs(30);

/// A program that can be started again and again, each time under the same address.
pub(super) trait Program: Send + Sync + 'static {
    /// For log and errors.
    const NAME: &'static str;
    /// How it is asked to end.
    const LADDER: Ladder;

    /// Clears away what earlier lives left, starts it, and waits until it serves.
    fn launch(&self) -> impl Future<Output = Result<Child, EmbeddedError>> + Send;
}

/// A partner that runs. Dropping this ends it without waiting.
pub(super) struct Supervised {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Resolves when the program serves.
    ///
    /// # Errors
    /// When its first start fails; later ones are tried for ever.
    pub(super) async fn start<P: Program>(program: P) -> Result<Self, EmbeddedError> {
        let began = Instant::now();
        let child = program.launch().await?;
        let took_ms = began.elapsed().as_millis();
        info!(event = "partner_start", partner = P::NAME, pid = child.pid(), took_ms, "started");
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(program, child, stop.clone()));
        Ok(Self { stop, task })
    }

    /// Ends the program and waits for that.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        // The task only ends by this token; a panic in it has dropped and thereby ended the child.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn keep<P: Program>(program: P, mut child: Child, stop: CancellationToken) {
    let mut delay = FIRST_DELAY;
    loop {
        let began = Instant::now();
        let how = tokio::select! {
            () = stop.cancelled() => return child.end(P::LADDER).await,
            how = child.exited() => how,
        };
        let last = child.last_lines().await.join(" | ");
        error!(event = "partner_exit", partner = P::NAME, %last, "{how}; starting it again");
        if began.elapsed() >= GOOD_LIFE {
            delay = FIRST_DELAY;
        }
        let launched = stop.run_until_cancelled(launch_again(&program, &mut delay)).await;
        let Some(again) = launched else { return };
        child = again;
        info!(event = "partner_restart", partner = P::NAME, pid = child.pid(), "serves again");
    }
}

async fn launch_again<P: Program>(program: &P, delay: &mut Duration) -> Child {
    loop {
        sleep(*delay).await;
        *delay = (*delay * 2).min(LONGEST_DELAY);
        match program.launch().await {
            Ok(child) => return child,
            Err(error) => warn!(event = "partner_restart_failed", partner = P::NAME, %error),
        }
    }
}
