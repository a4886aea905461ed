//! Comparing the stored bytes of a blob with its digest, and repairing them from another node.

use std::pin::pin;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::time::sleep;
use tracing::{info, warn};

use super::Blob;
use crate::ipfs::{IpfsError, Spare};
use crate::registry::pace::Pace;
use crate::registry::{Blobs, RegistryError};
use crate::store::ScrubItem;
use crate::stream::StreamError;
use crate::stream::verified::Verified;
use crate::telemetry::metrics;

/// Time between the two looks after which a block counts as lost.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// What came of comparing a blob with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// The bytes match the digest.
    Sound,
    /// The blob was under quarantine, and its bytes match the digest again.
    Healed,
    /// Blocks were lost or wrong, and came from another node. The bytes match the digest now.
    Repaired,
    /// The bytes are lost or wrong. The blob is under quarantine.
    Damaged,
    /// The blob was removed or pushed anew while it was read.
    Gone,
    /// A partner did not answer. Nothing is concluded.
    Unknown(String),
}

impl Scrubbed {
    /// The word for it in metrics and answers.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Healed => "healed",
            Self::Repaired => "repaired",
            Self::Damaged => "damaged",
            Self::Gone => "gone",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What one read of a blob tells about its bytes.
pub(super) enum Verdict {
    Sound,
    Damaged,
    Unknown(String),
}

impl Blobs<'_> {
    /// Reads a blob at `pace` and compares it with its digest. A damaged one is repaired from `spare` if possible, and put
    /// under quarantine otherwise.
    ///
    /// # Errors
    /// The database does not answer.
    pub(in crate::registry) async fn scrub(
        self,
        item: &ScrubItem,
        pace: &mut Pace,
        spare: Option<&Spare>,
    ) -> Result<Scrubbed, RegistryError> {
        let blob = Blob { digest: item.digest.clone(), cid: item.cid, size: item.size };
        let mut verdict = self.compare(&blob, pace).await;
        let mut repaired = false;
        if let (Verdict::Damaged, Some(spare)) = (&verdict, spare) {
            repaired = self.repair(&blob, spare).await;
            if repaired {
                verdict = self.compare(&blob, pace).await;
            }
        }
        let scrubbed = match verdict {
            Verdict::Unknown(reason) => Scrubbed::Unknown(reason),
            Verdict::Damaged if !self.is_current(item).await? => Scrubbed::Gone,
            Verdict::Damaged => {
                if item.quarantined_at.is_some() {
                    self.0.store().scrubs().failed(item).await?;
                    Scrubbed::Damaged
                } else if self.quarantine(item).await? {
                    Scrubbed::Damaged
                } else {
                    Scrubbed::Gone
                }
            }
            Verdict::Sound if !self.0.store().scrubs().passed(item).await? => Scrubbed::Gone,
            Verdict::Sound if repaired => Scrubbed::Repaired,
            Verdict::Sound if item.quarantined_at.is_some() => Scrubbed::Healed,
            Verdict::Sound => Scrubbed::Sound,
        };
        metrics::scrubbed(scrubbed.word());
        self.report(item, &scrubbed);
        Ok(scrubbed)
    }

    /// Whether the row still names the bytes that were read. Those of a blob that was removed may be gone.
    async fn is_current(self, item: &ScrubItem) -> Result<bool, RegistryError> {
        let now = self.0.store().scrubs().get(&item.digest).await?;
        Ok(now.is_some_and(|now| now.cid == item.cid))
    }

    /// Reads the whole blob. No connection to PostgreSQL is held meanwhile.
    pub(super) async fn compare(self, blob: &Blob, pace: &mut Pace) -> Verdict {
        if blob.size == 0 {
            return Verdict::Sound;
        }
        let body = match self.0.ipfs().read(&blob.cid, blob.size, None).await {
            Ok(body) => body,
            Err(error) => return self.missing(blob, &error).await,
        };
        let mut body = pin!(Verified::new(body, blob.digest.clone(), blob.size));
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    let bytes = frame.data_ref().map_or(0, bytes::Bytes::len);
                    metrics::scrubbed_bytes(bytes as u64);
                    pace.moved(bytes, self.0.moves_bytes()).await;
                }
                Err(StreamError::Inner(error)) => return self.missing(blob, &error).await,
                Err(_) => return Verdict::Damaged,
            }
        }
        Verdict::Sound
    }

    /// Finds out whether a read that failed with `error` failed because of the blob: a gateway breaks the connection in the
    /// same way when a block is lost and when Kubo stops. A block counts as lost when Kubo says so twice.
    async fn missing(self, blob: &Blob, error: &IpfsError) -> Verdict {
        for look in 0..2 {
            if look > 0 {
                sleep(SECOND_LOOK).await;
            }
            match self.0.ipfs().examine(&blob.cid, blob.size).await {
                Err(IpfsError::Missing(_) | IpfsError::Broken(_)) => {}
                Ok(()) => return Verdict::Unknown(error.to_string()),
                Err(other) => return Verdict::Unknown(other.to_string()),
            }
        }
        Verdict::Damaged
    }

    /// Takes the blocks that are lost or wrong from another node. Returns whether all of them came.
    async fn repair(self, blob: &Blob, spare: &Spare) -> bool {
        match self.0.ipfs().repair(&blob.cid, blob.size, spare).await {
            Ok(_) => true,
            Err(error) => {
                warn!(
                    event = "blob_not_repaired", digest = %blob.digest, ipfs_cid = %blob.cid, %error,
                    "a damaged blob could not be repaired from the node in OPEN_REGISTRY_DFS_IPFS_REPAIR_URL: {error}"
                );
                false
            }
        }
    }

    fn report(self, item: &ScrubItem, scrubbed: &Scrubbed) {
        let (digest, cid) = (&item.digest, &item.cid);
        match scrubbed {
            Scrubbed::Healed => info!(
                event = "blob_healed", %digest, ipfs_cid = %cid,
                "the stored bytes of a blob match its digest again; it is served again"
            ),
            Scrubbed::Repaired => info!(
                event = "blob_repaired", %digest, ipfs_cid = %cid,
                "the damaged blocks of a blob came from another node; it is served again"
            ),
            Scrubbed::Unknown(reason) => info!(
                event = "blob_not_scrubbed", %digest, ipfs_cid = %cid, reason,
                "a blob could not be compared with its digest; the next scrub tries again"
            ),
            Scrubbed::Sound | Scrubbed::Damaged | Scrubbed::Gone => {}
        }
    }
}
