//! What the registry tidies by itself: uploads that nobody touches any more and pins that nobody needs.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::registry::{Registry, RegistryError};
use crate::ipld::Cid;

/// How often the sweep looks even if nobody asked it to.
const INTERVAL: Duration = Duration::from_secs(60);

/// Pins dropped in one go.
const BATCH: u32 = 100;

impl Registry {
    /// Sweeps until told to stop. A failed round is logged and tried again at the next: nothing is lost by waiting.
    pub async fn sweep(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(INTERVAL.min(self.limits().upload_idle));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => true,
                () = self.unpins().notified() => false,
            };
            if due && let Err(error) = self.expire_uploads().await {
                warn!(event = "upload_expiry_failed", %error, "idle uploads could not be ended");
            }
            if let Err(error) = self.drop_pins().await {
                warn!(event = "unpin_failed", %error, "pins that nobody needs could not be dropped");
            }
        }
    }

    /// Asks the sweep to look at the queue of pins soon.
    pub(in crate::registry) fn nudge_sweep(&self) {
        self.unpins().notify_one();
    }

    async fn expire_uploads(&self) -> Result<(), RegistryError> {
        self.sessions().forget_idle(self.limits().upload_idle);
        let ended = self.store().uploads().expire(self.limits().upload_idle).await?;
        if ended > 0 {
            info!(event = "uploads_expired", count = ended, "idle uploads ended");
        }
        self.store().unpins().forget().await?;
        Ok(())
    }

    /// Drops the pins in the queue that no row names, each under the lock of its CID, so that an upload which just
    /// stored the same bytes either keeps the pin or learns that it must pin again.
    async fn drop_pins(&self) -> Result<(), RegistryError> {
        loop {
            let due = self.store().unpins().due(BATCH).await?;
            let mut failure = None;
            for cid in &due {
                // One that cannot be dropped must not keep the others: it is tried again at the next round.
                if let Err(error) = self.drop_pin(cid).await {
                    failure = Some(error);
                }
            }
            if let Some(error) = failure {
                return Err(error);
            }
            if (due.len() as u64) < u64::from(BATCH) {
                return Ok(());
            }
        }
    }

    async fn drop_pin(&self, cid: &Cid) -> Result<(), RegistryError> {
        if let Some(claim) = self.store().unpins().claim(cid).await? {
            self.ipfs().unpin(cid).await?;
            claim.done().await?;
            debug!(event = "unpinned", ipfs_cid = %cid, "a pin that nobody needs was dropped");
        }
        Ok(())
    }
}
