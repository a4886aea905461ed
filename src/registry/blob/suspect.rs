//! Looking at a blob after a failed read, and putting it under quarantine.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{error, info};

use super::Blob;
use super::scrub::Verdict;
use super::suspicion::Look;
use crate::oci::Digest;
use crate::outbound::BackOff;
use crate::registry::pace::Pace;
use crate::registry::{Blobs, RegistryError};
use crate::store::ScrubItem;
use crate::telemetry::metrics;

/// How often a blob is looked at until something is concluded. After that the next failed read begins anew.
const TRIES: u32 = 6;

/// Pauses between two tries, while a partner is not ready.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Blobs<'_> {
    /// Looks at a blob whose read failed, in a task of its own: the cause may be the connection or the bytes. Puts the
    /// blob under quarantine if its bytes hash to another digest, or if Kubo says twice that it does not have them. However
    /// many reads fail, a blob is looked at once at a time.
    pub(in crate::registry) fn suspect(self, blob: &Blob) {
        let Some(look) = self.0.suspicion().begin(&blob.cid) else { return };
        let (registry, digest) = (self.0.clone(), blob.digest.clone());
        // A shutdown need not wait for it: it changes nothing before its end, and the next failed read begins anew.
        tokio::spawn(async move { registry.blobs().look(&digest, &look).await });
    }

    async fn look(self, digest: &Digest, look: &Look) {
        let mut pauses = BackOff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut reason = String::new();
        for _ in 0..TRIES {
            match self.try_look(digest, look).await {
                Ok(Verdict::Sound | Verdict::Damaged) => return,
                Ok(Verdict::Unknown(why)) => reason = why,
                Err(error) => reason = error.to_string(),
            }
            sleep(pauses.failed()).await;
        }
        info!(
            event = "blob_not_compared", %digest, reason,
            "a blob could not be compared with its digest after a failed read; the next one tries again"
        );
    }

    /// Reads the row anew, since a push may have brought the blob back after the read that failed.
    async fn try_look(self, digest: &Digest, look: &Look) -> Result<Verdict, RegistryError> {
        let _seat = look.seat().await;
        self.0.ipfs().ready().await?;
        let item = self.0.store().scrubs().get(digest).await?;
        let Some(item) = item.filter(|item| item.quarantined_at.is_none()) else {
            return Ok(Verdict::Sound);
        };
        let blob = Blob { digest: item.digest.clone(), cid: item.cid, size: item.size };
        let verdict = self.compare(&blob, &mut Pace::new(None)).await;
        if let Verdict::Damaged = verdict {
            self.quarantine(&item).await?;
        }
        Ok(verdict)
    }

    /// Puts a blob under quarantine, since its bytes are lost or wrong. It is not served until its bytes are right again.
    /// Returns whether it did: a blob that was pushed again since `item` was read is left alone.
    pub(super) async fn quarantine(self, item: &ScrubItem) -> Result<bool, RegistryError> {
        let quarantined = self.0.store().blobs().quarantine(item).await?;
        if quarantined {
            metrics::quarantined();
            error!(
                event = "blob_quarantined", digest = %item.digest, ipfs_cid = %item.cid, size = item.size,
                "the stored bytes of a blob do not match its digest; it is not served until it is pushed again or its \
                 bytes are right again"
            );
        }
        Ok(quarantined)
    }
}
