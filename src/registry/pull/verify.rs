//! Blobs whose bytes are in doubt.

use http_body::Body;
use http_body_util::BodyExt;
use tracing::{error, warn};

use super::BlobRead;
use crate::ipfs::IpfsError;
use crate::registry::Registry;
use crate::stream::StreamError;
use crate::stream::verified::Verified;
use crate::telemetry::metrics;

/// What a second look at a blob found.
enum Finding {
    Sound,
    Damaged,
    Unknown,
}

impl Registry {
    /// A read failed. When it may be the bytes and not the connection, looks again without a client and puts the
    /// blob under quarantine if Kubo is well and the bytes are not.
    pub(super) fn suspect(&self, blob: &BlobRead, error: &IpfsError) {
        if matches!(error, IpfsError::Refused { .. }) {
            return;
        }
        let (registry, blob) = (self.clone(), blob.clone());
        tokio::spawn(async move {
            match registry.look_again(&blob).await {
                Finding::Damaged => registry.quarantine(blob),
                Finding::Sound | Finding::Unknown => {}
            }
        });
    }

    /// The bytes of a blob are lost or wrong: it is not served again until somebody pushes it anew.
    pub(super) fn quarantine(&self, blob: BlobRead) {
        metrics::quarantined();
        error!(
            event = "blob_quarantined", digest = %blob.digest, ipfs_cid = %blob.cid, size = blob.size,
            "stored bytes do not match their digest"
        );
        let registry = self.clone();
        tokio::spawn(async move {
            if let Err(error) = registry.store().quarantine_blob(&blob.digest, &blob.cid).await {
                warn!(event = "quarantine_failed", digest = %blob.digest, %error, "the row could not be marked");
            }
        });
    }

    async fn look_again(&self, blob: &BlobRead) -> Finding {
        let finding = match self.ipfs().read(&blob.cid, blob.size, None).await {
            Ok(body) => {
                let mut body = Box::pin(Verified::new(body, blob.digest.clone(), blob.size));
                drain(&mut body).await
            }
            Err(IpfsError::Missing(_) | IpfsError::Broken(_)) => Finding::Damaged,
            Err(_) => Finding::Unknown,
        };
        // A broken stream says nothing while Kubo itself is going down.
        match finding {
            Finding::Damaged if self.ipfs().ready().await.is_err() => Finding::Unknown,
            finding => finding,
        }
    }
}

async fn drain<B>(body: &mut B) -> Finding
where
    B: Body<Error = StreamError<IpfsError>> + Unpin,
{
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return Finding::Damaged;
        }
    }
    Finding::Sound
}
