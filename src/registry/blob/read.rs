//! The download pipeline.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::ipfs::{IpfsError, ReadBody};
use crate::ipld::Cid;
use crate::oci::Digest;
use crate::registry::{Registry, RegistryError};
use crate::rights::Access;
use crate::stream::StreamError;
use crate::stream::verified::Verified;

/// A blob that a repository holds, ready to be read.
#[derive(Clone, Debug)]
pub struct BlobRead {
    /// Its digest.
    pub digest: Digest,
    /// Where its bytes are.
    pub cid: Cid,
    /// How many they are.
    pub size: u64,
}

impl Registry {
    /// What a blob is, without its bytes. Kubo is not asked.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], also for a blob under quarantine: a client that only asks whether it must
    /// push shall push, for that heals it.
    pub async fn blob_head(
        &self,
        access: &Access,
        digest: &Digest,
    ) -> Result<BlobRead, RegistryError> {
        match self.blob(access, digest).await {
            Err(RegistryError::Quarantined(digest)) => Err(RegistryError::BlobUnknown(digest)),
            other => other,
        }
    }

    /// Finds a blob to read.
    ///
    /// # Errors
    /// [`RegistryError::BlobUnknown`], [`RegistryError::Quarantined`].
    pub async fn blob(&self, access: &Access, digest: &Digest) -> Result<BlobRead, RegistryError> {
        match self.store().linked_blob(access, digest).await? {
            None => Err(RegistryError::BlobUnknown(digest.clone())),
            Some(row) if row.quarantined => Err(RegistryError::Quarantined(digest.clone())),
            Some(row) => Ok(BlobRead { digest: digest.clone(), cid: row.cid, size: row.size }),
        }
    }

    /// Opens the bytes of a blob, or of one range of them. A whole read is hashed on the way and its last frame
    /// held back until the digest matches; a range can only be counted.
    ///
    /// # Errors
    /// Those of Kubo. Bytes that turn out lost or wrong put the blob under quarantine.
    pub async fn read_blob(
        &self,
        blob: &BlobRead,
        range: Option<Range<u64>>,
    ) -> Result<BlobBody, RegistryError> {
        if blob.size == 0 {
            return Ok(BlobBody::empty());
        }
        let whole = range.is_none();
        let body = match self.ipfs().read(&blob.cid, blob.size, range).await {
            Ok(body) => body,
            Err(error) => {
                self.suspect(blob);
                return Err(error.into());
            }
        };
        let source = if whole {
            Source::Whole { body: Verified::new(body, blob.digest.clone(), blob.size) }
        } else {
            Source::Range { body }
        };
        Ok(BlobBody { source, watch: Some((self.clone(), blob.clone())) })
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

pin_project! {
    /// The bytes of a blob. Ends only after the last byte was found right; anything else is an error, upon which the
    /// connection must be cut.
    pub struct BlobBody {
        #[pin]
        source: Source,
        // Taken at the first error: whom to tell, and of what.
        watch: Option<(Registry, BlobRead)>,
    }
}

impl BlobBody {
    fn empty() -> Self {
        Self { source: Source::Empty, watch: None }
    }
}

impl Body for BlobBody {
    type Data = Bytes;
    type Error = RegistryError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RegistryError>>> {
        let this = self.project();
        let frame = match this.source.project() {
            SourceProjection::Empty => None,
            SourceProjection::Whole { body } => ready!(body.poll_frame(cx)),
            SourceProjection::Range { body } => {
                ready!(body.poll_frame(cx)).map(|frame| frame.map_err(StreamError::Inner))
            }
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => Some(Err(fault(this.watch.take(), error))),
            None => None,
        })
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

/// Tells the registry what went wrong with a blob and makes it an error of this room.
fn fault(watch: Option<(Registry, BlobRead)>, error: StreamError<IpfsError>) -> RegistryError {
    let Some((registry, blob)) = watch else {
        return RegistryError::Cut(String::from("the read had failed before"));
    };
    match error {
        StreamError::Inner(error) => {
            registry.suspect(&blob);
            RegistryError::Ipfs(error)
        }
        _ => {
            registry.quarantine(blob.clone());
            RegistryError::Quarantined(blob.digest)
        }
    }
}
