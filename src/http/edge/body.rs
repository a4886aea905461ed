//! The body type of all responses.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::registry::RegistryError;
use crate::stream::bounded::Bounded;
use crate::stream::paced::Paced;

type Streamed = Pin<Box<dyn HttpBody<Data = Bytes, Error = RegistryError> + Send>>;

/// A response body: empty, in memory, or streamed. An error of a stream cuts the connection.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    Streamed(Streamed),
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A body that is in memory.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(bytes.into()))
    }

    /// A body that arrives frame by frame. It yields at intervals, so that other requests on the same worker run, and little
    /// of it waits in memory for a slow client.
    pub fn streamed<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error = RegistryError> + Send + 'static,
    {
        Self(Kind::Streamed(Box::pin(Paced::new(Bounded::new(body)))))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = RegistryError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RegistryError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Streamed(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Streamed(body) => body.size_hint(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Streamed(body) => body.is_end_stream(),
        }
    }
}
