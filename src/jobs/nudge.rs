//! Waking a job before its period is over.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes a job of this process. All clones wake the same job; several nudges before it wakes count as one.
#[derive(Clone, Debug, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// Lets the job run soon, or once more if it runs now.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Resolves after [`Nudge::wake`], at once if that came first.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}
