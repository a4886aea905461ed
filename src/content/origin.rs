//! Where bytes come from that no cache has: the files of Kubo's repository if it is on this host, and else Kubo.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::buffers::Buffers;
use super::local::{Miss, Reader, Repository};
use super::wanted::Wanted;
use crate::ipfs::{IpfsError, Kubo, ReadBody};
use crate::ipld::Cid;
use crate::telemetry::metrics;

/// The origin of all bytes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Origin {
    kubo: Kubo,
    repository: Option<Repository>,
    buffers: Buffers,
}

impl Origin {
    /// Reads the files of the repository if the settings name one that can be used.
    pub(super) fn new(kubo: Kubo) -> Self {
        let repository = kubo.repository().and_then(Repository::of_server);
        Self { kubo, repository, buffers: Buffers::default() }
    }

    /// The files of Kubo's repository.
    pub(super) fn repository(&self) -> Option<&Repository> {
        self.repository.as_ref()
    }

    /// What files are read into.
    pub(super) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Opens a blob, or a range of it. The caller compares the digest of a whole one. What comes from
    /// files of the repository as a range was compared with its CIDs; what comes from Kubo as a range was only counted.
    ///
    /// # Errors
    /// Those of Kubo.
    pub(super) async fn open(
        &self,
        wanted: &Wanted,
        range: Option<Range<u64>>,
    ) -> Result<OriginBody, IpfsError> {
        let Wanted { cid, size, .. } = *wanted;
        let verify = range.is_some();
        let part = range.map_or(0..size, |range| range.start.min(size)..range.end.min(size));
        let left = part.end - part.start;
        let place = Place { kubo: self.kubo.clone(), cid, size, end: part.end };
        if let Some(repository) = self.repository.as_ref().filter(|_| left > 0) {
            match Reader::open(repository, &self.buffers, cid, size, part.clone(), verify).await {
                Ok(reader) => return Ok(OriginBody { place, left, way: Way::Local(reader) }),
                Err(miss) => miss.fatal().map_or(Ok(()), Err)?,
            }
        }
        let body = place.read_kubo(part.start).await?;
        Ok(OriginBody { place, left, way: Way::Kubo(Box::pin(body)) })
    }
}

/// A part of a file, and who else has it.
#[derive(Clone)]
struct Place {
    kubo: Kubo,
    cid: Cid,
    size: u64,
    end: u64,
}

impl Place {
    /// Opens what is left from the byte `at` on.
    async fn read_kubo(&self, at: u64) -> Result<ReadBody, IpfsError> {
        let range = Some(at..self.end).filter(|range| *range != (0..self.size));
        let body = self.kubo.read(&self.cid, self.size, range).await?;
        metrics::origin_read(body.source());
        Ok(body)
    }
}

/// The bytes of a file from its origin: exactly as many as were asked for, or an error.
pub(super) struct OriginBody {
    place: Place,
    left: u64,
    way: Way,
}

/// How the next bytes come.
enum Way {
    Local(Reader),
    /// A frame is being read from a file.
    Reading(Turn),
    /// The files have missed a block, and Kubo is asked for the rest.
    Turning(Pin<Box<dyn Future<Output = Result<ReadBody, IpfsError>> + Send>>),
    Kubo(Pin<Box<ReadBody>>),
    Ended,
}

type Turn = Pin<Box<dyn Future<Output = (Reader, Result<Bytes, Miss>)> + Send>>;

impl Body for OriginBody {
    type Data = Bytes;
    type Error = IpfsError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IpfsError>>> {
        let this = self.get_mut();
        loop {
            let polled = match std::mem::replace(&mut this.way, Way::Ended) {
                Way::Ended => return Poll::Ready(None),
                Way::Local(reader) => {
                    this.way = Way::Reading(Box::pin(reader.next()));
                    continue;
                }
                Way::Reading(mut turn) => match turn.as_mut().poll(cx) {
                    Poll::Pending => {
                        this.way = Way::Reading(turn);
                        return Poll::Pending;
                    }
                    Poll::Ready((reader, Ok(data))) => {
                        this.way = Way::Local(reader);
                        Some(Ok(Frame::data(data)))
                    }
                    Poll::Ready((reader, Err(miss))) => {
                        if let Some(error) = miss.fatal() {
                            return Poll::Ready(Some(Err(error)));
                        }
                        let (place, at) = (this.place.clone(), reader.at());
                        this.way = Way::Turning(Box::pin(async move { place.read_kubo(at).await }));
                        continue;
                    }
                },
                Way::Turning(mut opening) => match opening.as_mut().poll(cx) {
                    Poll::Pending => {
                        this.way = Way::Turning(opening);
                        return Poll::Pending;
                    }
                    Poll::Ready(opened) => {
                        this.way = Way::Kubo(Box::pin(opened?));
                        continue;
                    }
                },
                Way::Kubo(mut body) => {
                    let polled = body.as_mut().poll_frame(cx);
                    this.way = Way::Kubo(body);
                    ready!(polled)
                }
            };
            return Poll::Ready(this.pass(polled));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

type Passed = Option<Result<Frame<Bytes>, IpfsError>>;

impl OriginBody {
    /// Counts what passes, and ends after the last byte or an error.
    fn pass(&mut self, frame: Passed) -> Passed {
        match &frame {
            Some(Ok(frame)) => self.left -= frame.data_ref().map_or(0, Bytes::len) as u64,
            Some(Err(_)) | None => self.way = Way::Ended,
        }
        if self.left == 0 {
            self.way = Way::Ended;
        }
        frame
    }
}
