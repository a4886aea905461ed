//! A port beside the port for clients: the operator's, or the one that redirects browsers to https.

use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::error;

use super::ending::wait_for;
use crate::net::{Drained, Shutdown};

/// A port that is served in a task of its own until it is closed.
pub(super) struct SidePort {
    name: &'static str,
    shutdown: Shutdown,
    task: JoinHandle<Drained>,
}

impl SidePort {
    /// Starts `serve`, which must return when its shutdown is cut.
    pub(super) fn open<F>(name: &'static str, serve: impl FnOnce(Shutdown) -> F) -> Self
    where
        F: Future<Output = Drained> + Send + 'static,
    {
        let shutdown = Shutdown::new(Duration::ZERO);
        Self { name, task: tokio::spawn(serve(shutdown.clone())), shutdown }
    }

    /// Cuts the connections of the port and waits until it is closed.
    pub(super) async fn close(self) {
        self.shutdown.cut();
        if let Err(panic) = wait_for(self.name, self.task).await {
            error!(
                event = "port_panicked",
                port = self.name,
                "the {} panicked: {panic}",
                self.name
            );
        }
    }
}
