//! The body that reads a copy: a complete one, or one that is being filled. What a copy cannot give comes from the origin.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::cache::{Hot, View};
use super::flights::Failure;
use super::layout::PIECE;
use super::stored::{Damaged, Stored};
use crate::content::buffers::{Buffer, SMALL};
use crate::content::rest::Rest;
use crate::content::wanted::Wanted;
use crate::ipfs::IpfsError;
use crate::stream::StreamError;
use crate::stream::bulk::spawn_blocking;
use crate::telemetry::metrics::{self, BlobSource};

type Error = StreamError<IpfsError>;

// Whole pieces are read, because a checksum belongs to a whole one.
const _: () = assert!((SMALL as u64).is_multiple_of(PIECE));

/// The bytes of a blob or of a range of it, at the pace of one client.
pub(in crate::content) struct Reader {
    hot: Hot,
    wanted: Wanted,
    whole: bool,
    at: u64,
    end: u64,
    /// Bytes that came from the copy.
    cached: u64,
    /// Whether a damaged copy was replaced already.
    again: bool,
    stage: Stage,
}

enum Stage {
    /// A read without waiting may succeed.
    Reading(View),
    /// Something must be waited for.
    Waiting(Pin<Box<dyn Future<Output = Step> + Send>>),
    /// The copy is of no use.
    Origin(Pin<Box<Rest>>),
    Ended,
}

/// What came of waiting.
enum Step {
    Read(View, Buffer, Range<u64>),
    /// More of the copy may be there.
    View(View),
    /// Another copy takes the place of a damaged one.
    Again(View),
    Origin(Box<Rest>),
    Failed(Error),
}

impl Reader {
    /// Opens a copy of the blob, for a whole read also one that begins to be filled. `None` if there is none. When this
    /// returns, the origin has answered.
    pub(in crate::content) async fn open(
        hot: &Hot,
        wanted: &Wanted,
        range: Option<&Range<u64>>,
    ) -> Result<Option<Self>, IpfsError> {
        let found = match range {
            None => hot.view(wanted).await,
            Some(_) => hot.find(wanted).await,
        };
        let Some(mut view) = found else { return Ok(None) };
        while let Ok(None) = view.readable() {
            if view.advanced().await.is_err() {
                return Ok(None);
            }
        }
        match view.readable() {
            Err(Failure::Origin(error)) => return Err(error),
            Err(Failure::Disk | Failure::Unread) => return Ok(None),
            _ => {}
        }
        if let View::Filling(_) = view {
            metrics::blob_read(BlobSource::Filling);
        }
        let Range { start, end } = range.cloned().unwrap_or(0..wanted.size);
        let end = end.min(wanted.size);
        Ok(Some(Self {
            hot: hot.clone(),
            wanted: wanted.clone(),
            whole: range.is_none(),
            at: start.min(end),
            end,
            cached: 0,
            again: false,
            stage: Stage::Reading(view),
        }))
    }

    /// Reads pieces without waiting, or begins to wait for what is missing.
    fn read(&mut self, mut view: View) -> Option<Bytes> {
        let (stored, limit) = match view.readable() {
            Ok(Some((stored, limit))) if limit > self.at => (stored, limit),
            Ok(_) => {
                self.stage = Stage::Waiting(Box::pin(async move {
                    match view.advanced().await {
                        Ok(()) => Step::View(view),
                        // `readable` says next how the filling ended, or this does if its task is gone.
                        Err(_) if view.readable().is_err() => Step::View(view),
                        Err(failure) => Step::Failed(stopped(failure)),
                    }
                }));
                return None;
            }
            Err(failure) => {
                self.recover(view, Some(failure));
                return None;
            }
        };
        let mut buffer = self.hot.origin.buffers().take();
        let needed = self.end.div_ceil(PIECE) * PIECE;
        let span = Stored::span(self.at, buffer.capacity(), limit.min(needed));
        let length = (span.end - span.start) as usize;
        match stored.read_now(span.start, buffer.first(length)) {
            Some(Ok(())) => {
                self.stage = Stage::Reading(view);
                Some(self.pass(buffer, span))
            }
            Some(Err(Damaged)) => {
                self.recover(view, None);
                None
            }
            None => {
                self.stage = Stage::Waiting(self.read_blocking(view, buffer, span, stored));
                None
            }
        }
    }

    fn read_blocking(
        &self,
        view: View,
        mut buffer: Buffer,
        span: Range<u64>,
        stored: Arc<Stored>,
    ) -> Pin<Box<dyn Future<Output = Step> + Send>> {
        let length = (span.end - span.start) as usize;
        let recovery = self.recovery(None);
        Box::pin(async move {
            let start = span.start;
            let read =
                spawn_blocking(move || stored.read(start, buffer.first(length)).map(|()| buffer));
            match read.await.unwrap_or(Err(Damaged)) {
                Ok(buffer) => Step::Read(view, buffer, span),
                Err(Damaged) => recovery.run(view).await,
            }
        })
    }

    /// Passes on what the client still needs of the pieces in a buffer.
    fn pass(&mut self, buffer: Buffer, span: Range<u64>) -> Bytes {
        let end = span.end.min(self.end);
        let bytes = (self.at - span.start) as usize..(end - span.start) as usize;
        self.cached += bytes.len() as u64;
        self.at = end;
        buffer.freeze(bytes)
    }

    fn recover(&mut self, view: View, failure: Option<Failure>) {
        let recovery = self.recovery(failure);
        self.stage = Stage::Waiting(Box::pin(recovery.run(view)));
    }

    fn recovery(&self, failure: Option<Failure>) -> Recovery {
        Recovery {
            hot: self.hot.clone(),
            wanted: self.wanted.clone(),
            rest: self.at..self.end,
            whole: self.whole,
            first: !self.again,
            failure,
        }
    }

    fn step(&mut self, step: Step) -> Option<Result<Bytes, Error>> {
        match step {
            Step::Read(view, buffer, span) => {
                self.stage = Stage::Reading(view);
                return Some(Ok(self.pass(buffer, span)));
            }
            Step::View(view) => self.stage = Stage::Reading(view),
            Step::Again(view) => {
                self.again = true;
                self.stage = Stage::Reading(view);
            }
            Step::Origin(rest) => self.stage = Stage::Origin(Box::into_pin(rest)),
            Step::Failed(error) => {
                self.stage = Stage::Ended;
                return Some(Err(error));
            }
        }
        None
    }
}

/// What a reader does when its copy fails: it takes the rest from another copy or from the origin.
struct Recovery {
    hot: Hot,
    wanted: Wanted,
    rest: Range<u64>,
    whole: bool,
    first: bool,
    /// Why there is no copy. `None` if its bytes were damaged.
    failure: Option<Failure>,
}

impl Recovery {
    async fn run(self, view: View) -> Step {
        match self.failure {
            Some(Failure::Origin(error)) => return Step::Failed(StreamError::Inner(error)),
            Some(Failure::Wrong(actual)) => {
                let expected = self.wanted.digest;
                return Step::Failed(StreamError::Mismatch { expected, actual });
            }
            Some(Failure::Disk | Failure::Unread) => {}
            None => {
                if let Ok(Some((stored, _))) = view.readable() {
                    self.hot.checked.forget(&self.wanted.digest, &stored);
                }
                if let Some(entry) = view.entry() {
                    self.hot.discard(entry).await;
                }
                // However many readers find the damage, the layer is read from its origin once.
                if self.whole
                    && self.first
                    && let Some(view) = self.hot.view(&self.wanted).await
                {
                    return Step::Again(view);
                }
            }
        }
        metrics::blob_read(BlobSource::Origin);
        let (range, skip) = match self.whole {
            // The digest is that of the whole blob, so all of it is read and hashed again.
            true => (None, self.rest.start),
            false => (Some(self.rest), 0),
        };
        match Rest::open(&self.hot.origin, &self.wanted, range).await {
            Ok(rest) => Step::Origin(Box::new(rest.skipping(skip))),
            Err(error) => Step::Failed(StreamError::Inner(error)),
        }
    }
}

fn stopped(_: Failure) -> Error {
    StreamError::Inner(IpfsError::Broken(String::from("the task that fills a copy has stopped")))
}

impl Body for Reader {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.stage, Stage::Ended) {
                Stage::Ended => return Poll::Ready(None),
                Stage::Reading(_) if this.at == this.end => return Poll::Ready(None),
                Stage::Reading(view) => {
                    if let Some(bytes) = this.read(view) {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                Stage::Waiting(mut waiting) => match waiting.as_mut().poll(cx) {
                    Poll::Pending => {
                        this.stage = Stage::Waiting(waiting);
                        return Poll::Pending;
                    }
                    Poll::Ready(step) => {
                        if let Some(frame) = this.step(step) {
                            return Poll::Ready(Some(frame.map(Frame::data)));
                        }
                    }
                },
                Stage::Origin(mut rest) => {
                    let polled = rest.as_mut().poll_frame(cx);
                    this.stage = Stage::Origin(rest);
                    if let Some(Ok(frame)) = ready!(&polled) {
                        this.at += frame.data_ref().map_or(0, Bytes::len) as u64;
                    }
                    return polled;
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }

    /// True only after the last byte, whose piece or digest was compared before it was passed on.
    fn is_end_stream(&self) -> bool {
        self.at == self.end
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        metrics::blob_cache_read(self.cached);
    }
}
