//! Waits for the end of a part of the server, and logs what a shutdown waits for and for how long.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tracing::{debug, info};

/// Time between two log lines of a wait that goes on.
const REPORT: Duration = Duration::from_secs(5);

/// Shorter waits are of no interest to an operator and are logged for debugging only.
const NOTED: Duration = Duration::from_millis(100);

/// Waits for `end`. Logs every few seconds that it still waits, and in the end how long that took.
pub(super) async fn wait_for<T>(part: &'static str, end: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let mut end = pin!(end);
    loop {
        let ended = timeout(REPORT, &mut end).await;
        let waited = began.elapsed();
        let waited_ms = waited.as_millis();
        match ended {
            Ok(done) => {
                if waited < NOTED {
                    debug!(event = "part_stopped", part, waited_ms, "stopped: {part}");
                } else {
                    info!(
                        event = "part_stopped",
                        part, waited_ms, "stopped after {waited_ms} ms: {part}"
                    );
                }
                return done;
            }
            Err(_) => {
                info!(
                    event = "shutdown_waits",
                    part, waited_ms, "still waiting after {waited_ms} ms for: {part}"
                );
            }
        }
    }
}
