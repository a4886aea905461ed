//! Checking a blob after a failed read, and putting it under quarantine.

use http_body::Body;
use http_body_util::BodyExt;
use tracing::{error, warn};

use super::Blob;
use crate::ipfs::IpfsError;
use crate::registry::Blobs;
use crate::stream::StreamError;
use crate::stream::verified::Verified;
use crate::telemetry::metrics;

/// Result of checking a blob.
enum Finding {
    Sound,
    Damaged,
    /// A partner failed, so the bytes may be sound or damaged.
    Unknown,
}

impl Blobs<'_> {
    /// Checks a blob whose read failed, in a task of its own: the cause may be the connection or the bytes. Puts the
    /// blob under quarantine if Kubo answers and the bytes are damaged.
    pub(super) fn suspect(self, blob: &Blob) {
        let (registry, blob) = (self.0.clone(), blob.clone());
        self.0.detached().start(async move {
            match registry.blobs().check(&blob).await {
                Finding::Damaged => registry.blobs().quarantine(blob),
                Finding::Sound | Finding::Unknown => {}
            }
        });
    }

    /// Puts a blob under quarantine, since its bytes are lost or wrong. It is not served until a client pushes it
    /// again.
    pub(super) fn quarantine(self, blob: Blob) {
        metrics::quarantined();
        error!(
            event = "blob_quarantined", digest = %blob.digest, ipfs_cid = %blob.cid, size = blob.size,
            "the stored bytes of a blob do not match its digest; it is not served until it is pushed again"
        );
        let registry = self.0.clone();
        self.0.detached().start(async move {
            if let Err(error) = registry.store().blobs().quarantine(&blob.digest, &blob.cid).await {
                warn!(
                    event = "quarantine_failed", digest = %blob.digest, %error,
                    "a damaged blob could not be put under quarantine; its next read will try again"
                );
            }
        });
    }

    async fn check(self, blob: &Blob) -> Finding {
        let read = self.0.ipfs().read(&blob.cid, blob.size, None).await;
        if let Ok(body) = read {
            let mut body = Box::pin(Verified::new(body, blob.digest.clone(), blob.size));
            match drain(&mut body).await {
                Ok(()) => return Finding::Sound,
                Err(StreamError::Inner(_)) => {}
                Err(_) => return Finding::Damaged,
            }
        }
        // A gateway cuts a response in the same way when a block is lost and when Kubo stops. So ask for each block.
        match self.0.ipfs().examine(&blob.cid, blob.size).await {
            Err(IpfsError::Missing(_) | IpfsError::Broken(_)) => Finding::Damaged,
            Ok(())
            | Err(IpfsError::Gone(_) | IpfsError::Unavailable(_) | IpfsError::Refused { .. }) => {
                Finding::Unknown
            }
        }
    }
}

async fn drain<B>(body: &mut B) -> Result<(), B::Error>
where
    B: Body + Unpin,
{
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}
