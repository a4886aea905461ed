//! `multipart/byteranges`: several ranges of a blob in one response (RFC 9110, 14.6).

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use uuid::Uuid;

use super::body::Body;
use crate::oci::Byteranges;
use crate::registry::blob::{Blob, BlobBody, Puller};
use crate::registry::{Registry, RegistryError};

/// A multipart body and its Content-Type.
pub(in crate::http) struct Many {
    pub(in crate::http) content_type: String,
    pub(in crate::http) body: Body,
}

/// Opens the first range now, so that a failure still gets a status of its own. Each further range is opened when the one
/// before it has been sent.
pub(in crate::http) async fn open(
    registry: Registry,
    puller: Puller,
    blob: Blob,
    ranges: Vec<Range<u64>>,
) -> Result<Many, RegistryError> {
    let text = Byteranges::new(Uuid::new_v4(), blob.size);
    let heads = text.heads(&ranges).map(Bytes::from);
    let mut parts: VecDeque<_> = heads.zip(ranges.iter().cloned()).collect();
    let (left, tail) = (text.len(&ranges), text.tail().into());
    let Some((head, range)) = parts.pop_front() else {
        return Ok(Many { content_type: String::new(), body: Body::empty() });
    };
    let first = registry.blobs().read(&puller, &blob, Some(range)).await?;
    let stage = Stage::Head(head, Box::pin(first));
    let body = Multipart { registry, puller, blob, parts, tail, left, stage };
    Ok(Many { content_type: text.content_type(), body: Body::streamed(body) })
}

type Opening = Pin<Box<dyn Future<Output = Result<BlobBody, RegistryError>> + Send>>;

enum Stage {
    Head(Bytes, Pin<Box<BlobBody>>),
    Bytes(Pin<Box<BlobBody>>),
    Opening(Bytes, Opening),
    Ended,
}

struct Multipart {
    registry: Registry,
    puller: Puller,
    blob: Blob,
    parts: VecDeque<(Bytes, Range<u64>)>,
    tail: Bytes,
    left: u64,
    stage: Stage,
}

impl Multipart {
    /// Moves on after a part: opens the next one, or returns the end of the body.
    fn advance(&mut self) -> Option<Bytes> {
        match self.parts.pop_front() {
            Some((head, range)) => {
                let (registry, puller) = (self.registry.clone(), self.puller.clone());
                let blob = self.blob.clone();
                let opening =
                    Box::pin(
                        async move { registry.blobs().read(&puller, &blob, Some(range)).await },
                    );
                self.stage = Stage::Opening(head, opening);
                None
            }
            None => {
                self.stage = Stage::Ended;
                Some(std::mem::take(&mut self.tail))
            }
        }
    }

    fn emit(&mut self, data: Bytes) -> Poll<Option<Result<Frame<Bytes>, RegistryError>>> {
        self.left = self.left.saturating_sub(data.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl HttpBody for Multipart {
    type Data = Bytes;
    type Error = RegistryError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RegistryError>>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Ended => return Poll::Ready(None),
                Stage::Head(head, body) => {
                    self.stage = Stage::Bytes(body);
                    return self.emit(head);
                }
                Stage::Opening(head, mut opening) => match opening.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.stage = Stage::Opening(head, opening);
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok(body)) => self.stage = Stage::Head(head, Box::pin(body)),
                },
                Stage::Bytes(mut body) => match body.as_mut().poll_frame(cx) {
                    Poll::Pending => {
                        self.stage = Stage::Bytes(body);
                        return Poll::Pending;
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(Some(Ok(frame))) => {
                        self.stage = Stage::Bytes(body);
                        let Ok(data) = frame.into_data() else { continue };
                        return self.emit(data);
                    }
                    Poll::Ready(None) => {
                        if let Some(tail) = self.advance() {
                            return self.emit(tail);
                        }
                    }
                },
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}
