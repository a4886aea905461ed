//! Streams files out of Kubo. A read whose connection breaks goes on from the byte that it has reached.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use super::answer::{Answer, SILENCE, check};
use super::error::{IpfsError, broken_off};
use super::kubo::Kubo;
use super::origin::{Connection, Origin};
use super::patience::patient;
use super::resume::Resumption;
use super::source::Source;
use crate::ipld::Cid;
use crate::telemetry::metrics::Call;

/// How often in a row a read is opened again without a byte coming. A damaged block lets every attempt fail at once.
const FRUITLESS: u32 = 3;

impl Kubo {
    /// Reads a file of `size` bytes, or a range of it. When this returns, the head of the answer has arrived; the bytes
    /// come in the body. A range that ends beyond the file is shortened. Waits for a Kubo that is gone, and so does the
    /// body when the connection breaks.
    ///
    /// Whoever reads a whole file must compare its digest: the bytes of a damaged file may be wrong.
    pub async fn read(
        &self,
        cid: &Cid,
        size: u64,
        range: Option<Range<u64>>,
    ) -> Result<ReadBody, IpfsError> {
        let source = Source { kubo: self.clone(), cid: *cid, size };
        let part = range.map(|range| range.start.min(size)..range.end.min(size));
        if part.as_ref().is_some_and(Range::is_empty) {
            return Ok(ReadBody::none(source, 0..0));
        }
        let range = part.unwrap_or(0..size);
        let (answer, call) = patient(source.origin(), || source.open(&range)).await?;
        Ok(ReadBody::new(source, range, answer, call))
    }
}

pin_project! {
    /// The bytes of a file from Kubo: exactly as many as were asked for, or an error.
    ///
    /// Dropping it closes its connection.
    pub struct ReadBody {
        source: Source,
        range: Range<u64>,
        remaining: u64,
        stage: Stage,
        // How often it was opened again since the last byte came.
        fruitless: u32,
        // Runs while Kubo sends nothing.
        #[pin]
        silence: Sleep,
        silent: bool,
    }
}

/// What a read is doing.
enum Stage {
    Streaming(Transfer),
    /// The connection broke, and the rest is being opened.
    Resuming(Resumption),
    /// The last byte or an error has come.
    Ended,
}

/// An answer that is not read to its end.
struct Transfer {
    body: Incoming,
    connection: Connection,
    origin: Arc<Origin>,
    call: Call,
}

impl Transfer {
    fn new(answer: Answer, call: Call) -> Self {
        let Answer { body, connection, origin, .. } = answer;
        Self { body, connection, origin, call }
    }

    /// Keeps the connection if the answer was read to its end.
    fn end(self, result: Result<(), IpfsError>) -> Result<(), IpfsError> {
        let Self { body, connection, origin, call } = self;
        let result = call.end(result);
        if result.is_ok() && body.is_end_stream() {
            origin.keep(connection);
        }
        result
    }
}

impl ReadBody {
    /// What the bytes come through: `gateway` or `cat`.
    pub fn source(&self) -> &'static str {
        self.source.name()
    }

    fn new(source: Source, range: Range<u64>, answer: Answer, call: Call) -> Self {
        let transfer = Transfer::new(answer, call);
        let mut read = Self::none(source, range);
        if read.remaining == 0 {
            let _ = transfer.end(Ok(()));
        } else {
            read.stage = Stage::Streaming(transfer);
        }
        read
    }

    fn none(source: Source, range: Range<u64>) -> Self {
        let (remaining, silence) = (range.end - range.start, sleep(SILENCE));
        Self { source, range, remaining, stage: Stage::Ended, fruitless: 0, silence, silent: false }
    }
}

impl Body for ReadBody {
    type Data = Bytes;
    type Error = IpfsError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IpfsError>>> {
        loop {
            let this = self.as_mut().project();
            match this.stage {
                Stage::Ended => return Poll::Ready(None),
                Stage::Resuming(resumption) => match ready!(resumption.poll(cx)) {
                    Ok((answer, call)) => {
                        *this.stage = Stage::Streaming(Transfer::new(answer, call));
                    }
                    Err(error) => {
                        *this.stage = Stage::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Stage::Streaming(_) => match ready!(self.as_mut().poll_transfer(cx)) {
                    Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Ok(None) => {}
                    Err(error) => {
                        if let Some(error) = self.as_mut().fail(error) {
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, Stage::Ended) && self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

impl ReadBody {
    /// The next data of the answer. `None` is a frame without data.
    fn poll_transfer(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, IpfsError>> {
        let mut this = self.project();
        let Stage::Streaming(transfer) = &mut *this.stage else { return Poll::Ready(Ok(None)) };
        let name = this.source.name();
        let frame = match Pin::new(&mut transfer.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                if !*this.silent {
                    this.silence.as_mut().reset(Instant::now() + SILENCE);
                    *this.silent = true;
                }
                ready!(this.silence.poll(cx));
                return Poll::Ready(Err(IpfsError::Unavailable(format!("{name} fell silent"))));
            }
        };
        *this.silent = false;
        let data = advance(name, frame, *this.remaining, this.range.end - this.range.start)?;
        if let Some(data) = &data {
            *this.fruitless = 0;
            *this.remaining -= data.len() as u64;
        }
        if *this.remaining == 0
            && let Stage::Streaming(transfer) = std::mem::replace(this.stage, Stage::Ended)
        {
            transfer.end(Ok(()))?;
        }
        Poll::Ready(Ok(data))
    }

    /// Ends the answer with an error. Opens the rest if the connection broke, and returns the error if it did not.
    fn fail(self: Pin<&mut Self>, error: IpfsError) -> Option<IpfsError> {
        let this = self.project();
        if let Stage::Streaming(transfer) = std::mem::replace(this.stage, Stage::Ended) {
            let _ = transfer.end(Err(error.clone()));
        }
        if !matches!(error, IpfsError::Gone(_)) || *this.fruitless >= FRUITLESS {
            return Some(error);
        }
        *this.fruitless += 1;
        let at = this.range.end - *this.remaining;
        let (source, range) = (this.source.clone(), this.range.clone());
        *this.stage = Stage::Resuming(Resumption::start(source, range, at, error));
        None
    }
}

/// Checks a frame that came while `remaining` of `expected` bytes were missing. `None` is a frame without data.
fn advance(
    name: &str,
    frame: Option<Result<Frame<Bytes>, hyper::Error>>,
    remaining: u64,
    expected: u64,
) -> Result<Option<Bytes>, IpfsError> {
    let at = || format!("{name}, after {} of {expected} bytes", expected - remaining);
    let Some(frame) = frame else {
        return Err(IpfsError::Broken(format!("{} the answer ended", at())));
    };
    // A broken connection does not tell whether a block is missing or the node went away.
    let frame = frame.map_err(|error| broken_off(&at(), &error))?;
    match frame.into_data() {
        Ok(data) if data.len() as u64 > remaining => {
            Err(IpfsError::Broken(format!("{name} sent over {expected} bytes")))
        }
        Ok(data) => Ok(Some(data)),
        Err(frame) => {
            frame.trailers_ref().map_or(Ok(()), |trailers| check(name, trailers)).map(|()| None)
        }
    }
}
