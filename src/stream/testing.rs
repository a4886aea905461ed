//! A scripted body, for the tests of this room.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Sleep, sleep};

/// What a [`Script`] does after its frames.
enum End {
    Done,
    Broken,
    Silent,
}

/// Yields its frames and then ends, fails or stalls.
pub(crate) struct Script {
    frames: VecDeque<Bytes>,
    announced: bool,
    end: End,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Script {
    fn new(frames: &[&str], announced: bool, end: End) -> Self {
        let frames = frames.iter().map(|frame| Bytes::copy_from_slice(frame.as_bytes())).collect();
        Self { frames, announced, end, pause: Duration::ZERO, sleep: None }
    }

    /// Announces its size and ends well.
    pub(crate) fn known(frames: &[&str]) -> Self {
        Self::new(frames, true, End::Done)
    }

    /// Ends well without announcing its size.
    pub(crate) fn unknown(frames: &[&str]) -> Self {
        Self::new(frames, false, End::Done)
    }

    /// Fails after its frames.
    pub(crate) fn broken(frames: &[&str]) -> Self {
        Self::new(frames, false, End::Broken)
    }

    /// Neither ends nor yields after its frames.
    pub(crate) fn silent(frames: &[&str]) -> Self {
        Self::new(frames, false, End::Silent)
    }

    /// Waits for `pause` before every frame.
    pub(crate) fn slow(frames: &[&str], pause: Duration) -> Self {
        Self { pause, ..Self::new(frames, false, End::Done) }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.pause.is_zero() && !self.frames.is_empty() {
            let pause = self.pause;
            ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(cx));
            self.sleep = None;
        }
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        match self.end {
            End::Done => Poll::Ready(None),
            End::Broken => {
                self.end = End::Done;
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
            End::Silent => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.announced && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.announced {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.frames.iter().map(|frame| frame.len() as u64).sum())
    }
}

/// Reads a body to its end. A failure is returned with the text before it. Panics if a frame follows the failure.
pub(crate) async fn collect<B>(body: B) -> Result<String, (String, B::Error)>
where
    B: Body<Data = Bytes>,
{
    let mut body = std::pin::pin!(body);
    let mut seen = String::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => seen.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap()),
            Err(error) => {
                assert!(body.frame().await.is_none(), "a failed body goes on");
                return Err((seen, error));
            }
        }
    }
    Ok(seen)
}
