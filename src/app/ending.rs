//! Waiting for the end of a part, so that the log names what a shutdown waits for.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::info;

/// How often a wait that goes on is logged.
const REPORT: Duration = Duration::from_secs(5);

/// Waits until `end` is over. Logs how long that took, and every few seconds that it is not over yet.
pub(super) async fn wait_for<T>(part: &'static str, end: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let mut end = pin!(end);
    loop {
        let waited = timeout(REPORT, &mut end).await;
        let waited_ms = began.elapsed().as_millis();
        match waited {
            Ok(done) => {
                info!(event = "part_stopped", part, waited_ms, "stopped: {part} ({waited_ms} ms)");
                return done;
            }
            Err(_) => {
                info!(event = "shutdown_waits", part, waited_ms, "still waiting for: {part}");
            }
        }
    }
}
