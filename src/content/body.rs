//! The body that reads a blob from one of its sources.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::hot::Reader;
use super::rest::Rest;
use crate::ipfs::IpfsError;
use crate::stream::StreamError;

pin_project! {
    /// The bytes of a blob or of a range of it. A whole blob ends only after its digest matched. After an error the server
    /// must cut the connection.
    pub struct ContentBody {
        #[pin]
        source: Source,
    }
}

pin_project! {
    #[project = SourceProjection]
    enum Source {
        Memory { bytes: Bytes },
        Copy { #[pin] reader: Reader },
        Origin { #[pin] rest: Rest },
    }
}

impl ContentBody {
    pub(super) fn memory(bytes: Bytes) -> Self {
        Self { source: Source::Memory { bytes } }
    }

    pub(super) fn copy(reader: Reader) -> Self {
        Self { source: Source::Copy { reader } }
    }

    pub(super) fn origin(rest: Rest) -> Self {
        Self { source: Source::Origin { rest } }
    }
}

impl Body for ContentBody {
    type Data = Bytes;
    type Error = StreamError<IpfsError>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.project().source.project() {
            SourceProjection::Memory { bytes } if bytes.is_empty() => Poll::Ready(None),
            SourceProjection::Memory { bytes } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            SourceProjection::Copy { reader } => reader.poll_frame(cx),
            SourceProjection::Origin { rest } => rest.poll_frame(cx),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Memory { bytes } => SizeHint::with_exact(bytes.len() as u64),
            Source::Copy { reader } => reader.size_hint(),
            Source::Origin { rest } => rest.size_hint(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Memory { bytes } => bytes.is_empty(),
            Source::Copy { reader } => reader.is_end_stream(),
            Source::Origin { rest } => rest.is_end_stream(),
        }
    }
}
