//! Bodies of requests to Kubo: a file in `multipart/form-data`, complete or while it arrives, or nothing.

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

/// The lines before and after a file.
///
/// The boundary is random, so that no layer can contain it and end the file early.
pub(super) struct Envelope {
    boundary: String,
}

impl Envelope {
    /// Makes a boundary of 122 random bits.
    pub(super) fn new() -> Self {
        Self { boundary: Uuid::new_v4().simple().to_string() }
    }

    /// Value of the header `Content-Type`.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Lines before the file.
    ///
    /// The file name makes Kubo take the part for a file. It does not change the CID.
    pub(super) fn opening(&self) -> Bytes {
        format!(
            "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.boundary
        )
        .into()
    }

    /// Lines after the file.
    pub(super) fn closing(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }
}

/// The sender gave up the file before its end.
#[derive(Debug, Error)]
#[error("the upload was given up before its end")]
pub(super) struct Torn;

/// The body of a request to Kubo.
pub(super) enum Outgoing {
    /// Complete, so it is sent with a `Content-Length`. May be empty.
    Whole(VecDeque<Bytes>),
    /// Sent in chunks while it arrives.
    Arriving(Arriving),
}

impl Outgoing {
    /// A file inside `envelope`. Its bytes arrive through the returned sender.
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

/// Sends the bytes of a file to [`Arriving`].
pub(super) struct Sender {
    frames: mpsc::Sender<Bytes>,
    finished: Arc<AtomicBool>,
}

impl Sender {
    /// Sends a frame. Waits until the frame before it was taken. Returns `false` when the body was dropped.
    pub(super) async fn send(&self, frame: Bytes) -> bool {
        self.frames.send(frame).await.is_ok()
    }

    /// Marks the file as complete. A sender that is dropped instead makes the body fail.
    pub(super) fn finish(self) {
        self.finished.store(true, Ordering::Release);
    }
}

/// A file whose frames come through a channel. It ends with its closing boundary, or with [`Torn`] if it was given up:
/// Kubo would take a normal end of the body for the end of the file and keep what came so far.
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

    /// True as soon as the closing boundary was returned, so that it and the end of the chunked body leave in one write.
    /// If Kubo answers between the two, it closes the connection (go-ipfs-cmds `http/body.go`).
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
