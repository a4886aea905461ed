//! Changes the level of the log while the server runs.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::telemetry::log;

/// Switches between level debug and what the settings say with each SIGUSR1.
pub(super) fn follow_signal() -> io::Result<JoinHandle<()>> {
    let mut asked = signal(SignalKind::user_defined1())?;
    Ok(tokio::spawn(async move {
        while asked.recv().await.is_some() {
            if let Some(filter) = log::toggle_debug() {
                // At a level that every filter but the strictest lets through.
                warn!(event = "log_filter", filter, "SIGUSR1: the log now shows {filter}");
            }
        }
    }))
}
