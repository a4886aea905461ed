//! The body that reads a blob from one of its sources.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::ipfs::{IpfsError, ReadBody};
use crate::stream::StreamError;
use crate::stream::verified::Verified;

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
        Empty,
        Whole { #[pin] body: Verified<ReadBody> },
        Range { #[pin] body: ReadBody },
    }
}

impl ContentBody {
    pub(super) fn empty() -> Self {
        Self { source: Source::Empty }
    }

    pub(super) fn whole(body: Verified<ReadBody>) -> Self {
        Self { source: Source::Whole { body } }
    }

    pub(super) fn range(body: ReadBody) -> Self {
        Self { source: Source::Range { body } }
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
            SourceProjection::Empty => Poll::Ready(None),
            SourceProjection::Whole { body } => body.poll_frame(cx),
            SourceProjection::Range { body } => {
                let frame = ready!(body.poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(StreamError::Inner)))
            }
        }
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
