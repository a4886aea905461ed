//! Waits for the end of a part of the server, and logs what a shutdown waits for and for how long.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::info;

/// Time between two log lines of a wait that goes on.
const REPORT: Duration = Duration::from_secs(5);

/// Waits for `end`. Logs every few seconds that it still waits, and in the end how long that took.
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
