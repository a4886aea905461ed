//! The bodies of requests: one file in `multipart/form-data`, whole or while it arrives, or nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The frame lines around a file.
///
/// The boundary is random, so that no layer can contain it and end the file early.
pub(super) struct Envelope {
    boundary: String,
}

impl Envelope {
    /// One with a boundary of its own: 122 random bits.
    pub(super) fn new() -> Self {
        Self { boundary: Uuid::new_v4().simple().to_string() }
    }

    /// The value of `Content-Type`.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// What goes before the file.
    ///
    /// A file name keeps Kubo from taking the part for something else; it has no say in the CID.
    pub(super) fn opening(&self) -> Bytes {
        format!(
            "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.boundary
        )
        .into()
    }

    /// What goes after it.
    pub(super) fn closing(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }
}

/// The file was given up before its end.
#[derive(Debug, Error)]
#[error("the upload was given up before its end")]
pub(super) struct Torn;

/// A body on its way to Kubo.
pub(super) enum Outgoing {
    /// All of it is here, so it goes out with a `Content-Length`. May be nothing.
    Whole(VecDeque<Bytes>),
    /// It goes out in chunks as it arrives.
    Arriving(Arriving),
}

impl Outgoing {
    /// A file inside `envelope` that arrives through the returned sender.
    pub(super) fn arriving(envelope: &Envelope) -> (Sender, Self) {
        let (frames, receiver) = mpsc::channel(1);
        let finished = Arc::new(AtomicBool::new(false));
        let body = Arriving {
            opening: Some(envelope.opening()),
            frames: receiver,
            finished: Arc::clone(&finished),
            closing: Some(envelope.closing()),
        };
        (Sender { frames, finished }, Self::Arriving(body))
    }
}

/// The far end of [`Arriving`].
pub(super) struct Sender {
    frames: mpsc::Sender<Bytes>,
    finished: Arc<AtomicBool>,
}

impl Sender {
    /// Hands a frame over; waits until the one before it was taken. `false` when nobody takes frames any more.
    pub(super) async fn send(&self, frame: Bytes) -> bool {
        self.frames.send(frame).await.is_ok()
    }

    /// The file is complete. Merely dropping a sender tears it instead.
    pub(super) fn finish(self) {
        self.finished.store(true, Ordering::Release);
    }
}

/// A file whose frames come through a channel. It ends either with its closing boundary or with [`Torn`]: Kubo would
/// take a polite end for the end of the file and keep what came so far.
pub(super) struct Arriving {
    opening: Option<Bytes>,
    frames: mpsc::Receiver<Bytes>,
    finished: Arc<AtomicBool>,
    closing: Option<Bytes>,
}

impl Arriving {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Torn>>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(Ok(opening)));
        }
        if let Some(frame) = ready!(self.frames.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(frame)));
        }
        if !self.finished.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(Torn)));
        }
        Poll::Ready(self.closing.take().map(Ok))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Torn;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Torn>>> {
        let next = match &mut *self {
            Self::Whole(frames) => frames.pop_front().map(Ok),
            Self::Arriving(file) => ready!(file.poll_frame(cx)),
        };
        Poll::Ready(next.map(|frame| frame.map(Frame::data)))
    }

    /// True together with the closing boundary, so that it and the end of the chunked body leave in one write: Kubo
    /// gives up the connection when it answers between the two (go-ipfs-cmds `http/body.go`).
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(frames) => frames.is_empty(),
            Self::Arriving(file) => file.closing.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(frames) => {
                SizeHint::with_exact(frames.iter().map(|frame| frame.len() as u64).sum())
            }
            Self::Arriving(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::{Body, Bytes, Envelope, Outgoing};

    #[tokio::test]
    async fn a_finished_file_ends_with_its_closing_boundary() {
        let envelope = Envelope::new();
        let (sender, mut body) = Outgoing::arriving(&envelope);
        let mut next = async || body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(next().await, envelope.opening());
        assert!(sender.send(Bytes::from_static(b"layer")).await);
        sender.finish();
        assert_eq!(next().await, "layer");
        assert_eq!(next().await, envelope.closing());
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_dropped_sender_tears_the_file() {
        let (sender, mut body) = Outgoing::arriving(&Envelope::new());
        assert!(body.frame().await.unwrap().is_ok());
        assert!(sender.send(Bytes::from_static(b"half a la")).await);
        drop(sender);
        assert!(body.frame().await.unwrap().is_ok());
        assert!(!body.is_end_stream());
        assert!(body.frame().await.unwrap().is_err());
    }

    #[test]
    fn boundaries_differ() {
        assert_ne!(Envelope::new().content_type(), Envelope::new().content_type());
    }
}
