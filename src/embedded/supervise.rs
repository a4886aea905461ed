//! Keeps a partner running until the server stops it.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::child::{Child, Ladder};
use super::error::EmbeddedError;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// A program that ran this long is restarted with the first delay again.
const GOOD_LIFE: Duration = Duration::from_secs(30);

/// A program that can be restarted at the same address.
pub(super) trait Program: Send + Sync + 'static {
    /// Name of the program, for log and errors.
    const NAME: &'static str;
    /// Signals that end it.
    const LADDER: Ladder;

    /// Ends processes that earlier runs left, starts the program, and waits until it is ready.
    fn launch(&self) -> impl Future<Output = Result<Child, EmbeddedError>> + Send;
}

/// A running partner. When this is dropped, the partner is signalled, and nobody waits for its end.
pub(super) struct Supervised {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts the program and waits until it is ready.
    ///
    /// # Errors
    /// The first start fails. Later starts are repeated until one succeeds.
    pub(super) async fn start<P: Program>(program: P) -> Result<Self, EmbeddedError> {
        let began = Instant::now();
        let child = program.launch().await?;
        let took_ms = began.elapsed().as_millis();
        info!(
            event = "partner_start",
            partner = P::NAME,
            pid = child.pid(),
            took_ms,
            "started {}",
            P::NAME
        );
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep(program, child, stop.clone()));
        Ok(Self { stop, task })
    }

    /// Stops the program and waits for its end.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        // The task ends by this token only. If it panicked, its child was dropped and thereby signalled.
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
        error!(event = "partner_exit", partner = P::NAME, %last, "{} {how} and is restarted", P::NAME);
        if began.elapsed() >= GOOD_LIFE {
            delay = FIRST_DELAY;
        }
        let launched = stop.run_until_cancelled(launch_again(&program, &mut delay)).await;
        let Some(again) = launched else { return };
        child = again;
        info!(
            event = "partner_restart",
            partner = P::NAME,
            pid = child.pid(),
            "{} is ready again",
            P::NAME
        );
    }
}

async fn launch_again<P: Program>(program: &P, delay: &mut Duration) -> Child {
    loop {
        sleep(*delay).await;
        *delay = (*delay * 2).min(LONGEST_DELAY);
        match program.launch().await {
            Ok(child) => return child,
            Err(error) => warn!(
                event = "partner_restart_failed",
                partner = P::NAME,
                %error,
                "{} could not be restarted and is tried again: {error}",
                P::NAME
            ),
        }
    }
}
