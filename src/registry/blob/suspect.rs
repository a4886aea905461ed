//! Blobs whose bytes are in doubt.

use http_body::Body;
use http_body_util::BodyExt;
use tracing::{error, warn};

use super::Blob;
use crate::ipfs::IpfsError;
use crate::registry::Blobs;
use crate::stream::StreamError;
use crate::stream::verified::Verified;
use crate::telemetry::metrics;

/// What a second look at a blob found.
enum Finding {
    Sound,
    Damaged,
    Unknown,
}

impl Blobs<'_> {
    /// A read failed. It may be the connection or the bytes: looks again without a client, and puts the blob under
    /// quarantine if Kubo is well and the bytes are not.
    pub(super) fn suspect(self, blob: &Blob) {
        let (registry, blob) = (self.0.clone(), blob.clone());
        tokio::spawn(async move {
            match registry.blobs().look_again(&blob).await {
                Finding::Damaged => registry.blobs().quarantine(blob),
                Finding::Sound | Finding::Unknown => {}
            }
        });
    }

    /// The bytes of a blob are lost or wrong: it is not served again until somebody pushes it anew.
    pub(super) fn quarantine(self, blob: Blob) {
        metrics::quarantined();
        error!(
            event = "blob_quarantined", digest = %blob.digest, ipfs_cid = %blob.cid, size = blob.size,
            "stored bytes do not match their digest"
        );
        let registry = self.0.clone();
        tokio::spawn(async move {
            if let Err(error) = registry.store().quarantine_blob(&blob.digest, &blob.cid).await {
                warn!(event = "quarantine_failed", digest = %blob.digest, %error, "the row could not be marked");
            }
        });
    }

    async fn look_again(self, blob: &Blob) -> Finding {
        let read = self.0.ipfs().read(&blob.cid, blob.size, None).await;
        if let Ok(body) = read {
            let mut body = Box::pin(Verified::new(body, blob.digest.clone(), blob.size));
            match drain(&mut body).await {
                Ok(()) => return Finding::Sound,
                Err(StreamError::Inner(_)) => {}
                Err(_) => return Finding::Damaged,
            }
        }
        // A gateway cuts an answer in the same way for a lost block and when Kubo goes down: ask for each block.
        match self.0.ipfs().examine(&blob.cid, blob.size).await {
            Err(IpfsError::Missing(_) | IpfsError::Broken(_)) => Finding::Damaged,
            Ok(()) | Err(IpfsError::Unavailable(_) | IpfsError::Refused { .. }) => Finding::Unknown,
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
