//! The download pipeline.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Blob;
use crate::ipfs::{IpfsError, ReadBody};
use crate::registry::{Blobs, Registry, RegistryError};
use crate::stream::StreamError;
use crate::stream::verified::Verified;

impl Blobs<'_> {
    /// Opens the bytes of a blob, or of one range of them. A whole read is hashed on the way and its last frame
    /// held back until the digest matches; a range can only be counted.
    ///
    /// # Errors
    /// Those of Kubo. Bytes that turn out lost or wrong put the blob under quarantine.
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
        Ok(BlobBody { source, watch: Some((self.0.clone(), blob.clone())) })
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
    /// The bytes of a blob. Ends only after the last byte was found right; anything else is an error, upon which the
    /// connection must be cut.
    pub struct BlobBody {
        #[pin]
        source: Source,
        // Taken at the first error: whom to tell, and of what.
        watch: Option<(Registry, Blob)>,
    }
}

impl BlobBody {
    fn empty() -> Self {
        Self { source: Source::Empty, watch: None }
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
            Some(Err(error)) => Some(Err(fault(this.watch.take(), error))),
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

/// Tells the registry what went wrong with a blob and makes it an error of this room.
fn fault(watch: Option<(Registry, Blob)>, error: StreamError<IpfsError>) -> RegistryError {
    let Some((registry, blob)) = watch else {
        return RegistryError::Cut(String::from("the read had failed before"));
    };
    match error {
        StreamError::Inner(error) => {
            registry.blobs().suspect(&blob);
            RegistryError::Ipfs(error)
        }
        _ => {
            registry.blobs().quarantine(blob.clone());
            RegistryError::Quarantined(blob.digest)
        }
    }
}
