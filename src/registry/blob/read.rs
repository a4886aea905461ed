//! Reading the bytes of a blob from Kubo.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Blob;
use crate::ipfs::{IpfsError, ReadBody};
use crate::registry::traffic::Moving;
use crate::registry::{Blobs, Registry, RegistryError};
use crate::stream::StreamError;
use crate::stream::verified::Verified;

impl Blobs<'_> {
    /// Opens the bytes of a blob, or of one range of it. A whole read is hashed as it passes, and its last frame is
    /// held back until the digest matches. A range can only be counted.
    ///
    /// # Errors
    /// Those of Kubo. A blob whose bytes prove lost or wrong is put under quarantine.
    pub async fn read(
        self,
        blob: &Blob,
        range: Option<Range<u64>>,
    ) -> Result<BlobBody, RegistryError> {
        if blob.size == 0 {
            return Ok(BlobBody::empty());
        }
        let whole = range.is_none();
        let body = match self.0.ipfs().read(&blob.cid, blob.size, range).await {
            Ok(body) => body,
            Err(error) => {
                self.suspect(blob);
                return Err(error.into());
            }
        };
        let source = if whole {
            Source::Whole { body: Verified::new(body, blob.digest.clone(), blob.size) }
        } else {
            Source::Range { body }
        };
        let moving = Some(self.0.moving());
        Ok(BlobBody { source, report_to: Some((self.0.clone(), blob.clone())), moving })
    }
}

pin_project! {
    #[project = SourceProjection]
    enum Source {
        Empty,
        Whole { #[pin] body: Verified<ReadBody> },
        Range { #[pin] body: ReadBody },
    }
}

pin_project! {
    /// The bytes of a blob. The body ends only after the last byte has been verified. After an error the server must
    /// cut the connection.
    pub struct BlobBody {
        #[pin]
        source: Source,
        // Taken by the first error, which reports the blob.
        report_to: Option<(Registry, Blob)>,
        // Background work gives way while it lives.
        moving: Option<Moving>,
    }
}

impl BlobBody {
    fn empty() -> Self {
        Self { source: Source::Empty, report_to: None, moving: None }
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
        let frame = match this.source.project() {
            SourceProjection::Empty => None,
            SourceProjection::Whole { body } => ready!(body.poll_frame(cx)),
            SourceProjection::Range { body } => {
                ready!(body.poll_frame(cx)).map(|frame| frame.map_err(StreamError::Inner))
            }
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => Some(Err(fault(this.report_to.take(), error))),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Whole { body } => body.size_hint(),
            Source::Range { body } => body.size_hint(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Whole { body } => body.is_end_stream(),
            Source::Range { body } => body.is_end_stream(),
        }
    }
}

/// Reports the blob to the registry and turns the error of its body into one of this room.
fn fault(report_to: Option<(Registry, Blob)>, error: StreamError<IpfsError>) -> RegistryError {
    let Some((registry, blob)) = report_to else {
        return RegistryError::Cut(String::from("this read has failed before"));
    };
    match error {
        StreamError::Inner(error) => {
            registry.blobs().suspect(&blob);
            RegistryError::Ipfs(error)
        }
        _ => {
            registry.blobs().suspect(&blob);
            RegistryError::Quarantined(blob.digest)
        }
    }
}
