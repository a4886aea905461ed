//! Reading the bytes of a blob.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Blob;
use super::pulls::{Puller, Pulling};
use crate::content::{ContentBody, Wanted};
use crate::ipfs::IpfsError;
use crate::registry::traffic::Moving;
use crate::registry::{Blobs, Registry, RegistryError};
use crate::stream::StreamError;

/// Most bytes that need no slot, because they are sent in one frame: a configuration never waits for layers.
const AT_ONCE: u64 = 64 << 10;

impl Blobs<'_> {
    /// Opens the bytes of a blob, or of one range of it. The last frame of a whole read is held back until the digest
    /// matches. A range of a copy is compared with its checksums; one from Kubo can only be counted.
    ///
    /// # Errors
    /// [`RegistryError::Overloaded`] when too many pulls are under way for too long. Those of Kubo. A blob whose bytes prove
    /// lost or wrong is put under quarantine.
    pub async fn read(
        self,
        puller: &Puller,
        blob: &Blob,
        range: Option<Range<u64>>,
    ) -> Result<BlobBody, RegistryError> {
        let length = range.as_ref().map_or(blob.size, |range| range.end - range.start);
        let pulling = match length {
            ..=AT_ONCE => None,
            _ => Some(self.0.pulls().begin(&puller.to_string()).await?),
        };
        let Blob { digest, cid, size } = blob.clone();
        let opened = self.0.content().open(&Wanted { cid, digest, size }, range).await;
        let report_to = Some((self.0.clone(), blob.clone()));
        match opened {
            Ok(content) => Ok(BlobBody { content, report_to, pulling, moving: self.0.moving() }),
            Err(error) => Err(fault(report_to, error)),
        }
    }
}

pin_project! {
    /// The bytes of a blob. The body ends only after the last byte has been verified. After an error the server must
    /// cut the connection.
    pub struct BlobBody {
        #[pin]
        content: ContentBody,
        // Taken by the first error, which reports the blob.
        report_to: Option<(Registry, Blob)>,
        // `None` for a blob that is sent at once.
        pulling: Option<Pulling>,
        // Background work gives way while it lives.
        moving: Moving,
    }
}

impl Body for BlobBody {
    type Data = Bytes;
    type Error = RegistryError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RegistryError>>> {
        let this = self.project();
        if let Some(pulling) = &*this.pulling {
            pulling.asked();
        }
        let frame = ready!(this.content.poll_frame(cx));
        if let Some(pulling) = &*this.pulling {
            pulling.offered();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| fault(this.report_to.take(), error))))
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }
}

/// Reports the blob to the registry and turns the error of its body into one of this room.
fn fault(report_to: Option<(Registry, Blob)>, error: StreamError<IpfsError>) -> RegistryError {
    let Some((registry, blob)) = report_to else {
        return RegistryError::Cut(String::from("this read has failed before"));
    };
    registry.blobs().suspect(&blob);
    match error {
        StreamError::Inner(error) => RegistryError::Ipfs(error),
        _ => RegistryError::Quarantined(blob.digest),
    }
}
