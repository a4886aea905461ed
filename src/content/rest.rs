//! A body that reads from the origin: a whole blob, of which the first bytes may have been sent already, or a range.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::origin::{Origin, OriginBody};
use super::wanted::Wanted;
use crate::ipfs::IpfsError;
use crate::stream::StreamError;
use crate::stream::verified::Verified;

pin_project! {
    /// The bytes of a blob from its origin. A whole blob ends only after its digest matched.
    pub(super) struct Rest {
        #[pin]
        source: Source,
        // Bytes that are read and hashed, but not passed on.
        skip: u64,
    }
}

pin_project! {
    #[project = SourceProjection]
    enum Source {
        Whole { #[pin] body: Verified<OriginBody> },
        Range { #[pin] body: OriginBody },
    }
}

impl Rest {
    /// Opens a whole blob or a range of it.
    pub(super) async fn open(
        origin: &Origin,
        wanted: &Wanted,
        range: Option<Range<u64>>,
    ) -> Result<Self, IpfsError> {
        let whole = range.is_none();
        let body = origin.open(wanted, range).await?;
        let source = if whole {
            let body = Verified::new(body, wanted.digest.clone(), wanted.size);
            Source::Whole { body }
        } else {
            Source::Range { body }
        };
        Ok(Self { source, skip: 0 })
    }

    /// Drops the first bytes. They are read all the same, because the digest is that of the whole.
    pub(super) fn skipping(self, skip: u64) -> Self {
        Self { skip, ..self }
    }
}

impl Body for Rest {
    type Data = Bytes;
    type Error = StreamError<IpfsError>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        loop {
            let frame = match this.source.as_mut().project() {
                SourceProjection::Whole { body } => ready!(body.poll_frame(cx)),
                SourceProjection::Range { body } => {
                    ready!(body.poll_frame(cx)).map(|frame| frame.map_err(StreamError::Inner))
                }
            };
            let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
            let Ok(mut data) = frame.into_data() else { continue };
            let skipped = data.len().min(usize::try_from(*this.skip).unwrap_or(usize::MAX));
            *this.skip -= skipped as u64;
            data.advance(skipped);
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let left = match &self.source {
            Source::Whole { body } => body.size_hint(),
            Source::Range { body } => body.size_hint(),
        };
        SizeHint::with_exact(left.lower().saturating_sub(self.skip))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole { body } => body.is_end_stream(),
            Source::Range { body } => body.is_end_stream(),
        }
    }
}
