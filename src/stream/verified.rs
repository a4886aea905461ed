//! A body that ends only if its bytes hash to a digest.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::StreamError;
use super::hashing::Hasher;
use crate::oci::Digest;

pin_project! {
    /// Hashes the bytes of a whole blob as they pass, and holds the last frame back until the digest matches.
    ///
    /// The server announced the size to its client. A failure before the last frame leaves the client with fewer bytes
    /// than announced, so the client notices that the transfer broke. Trailers are dropped.
    #[derive(Debug)]
    pub struct Verified<B> {
        #[pin]
        inner: B,
        digest: Digest,
        size: u64,
        received: u64,
        // `None` once the body has ended or failed.
        hasher: Option<Hasher>,
        // The last frame, until the digest is known.
        held: Option<Bytes>,
        left: u64,
    }
}

impl<B> Verified<B> {
    /// Checks that `inner` is exactly the `size` bytes of `digest`.
    pub fn new(inner: B, digest: Digest, size: u64) -> Self {
        let hasher = Some(Hasher::new(digest.algorithm()));
        Self { inner, digest, size, received: 0, hasher, held: None, left: size }
    }
}

impl<B: Body<Data = Bytes>> Body for Verified<B> {
    type Data = Bytes;
    type Error = StreamError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut this = self.project();
        while let Some(hasher) = this.hasher.as_mut() {
            let frame = match ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    *this.hasher = None;
                    *this.held = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => break,
            };
            let Ok(data) = frame.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            *this.received += data.len() as u64;
            if *this.received > *this.size {
                *this.hasher = None;
                *this.held = None;
                return Poll::Ready(Some(Err(StreamError::Long { expected: *this.size })));
            }
            hasher.update(&data);
            if *this.received < *this.size {
                *this.left -= data.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            *this.held = Some(data);
        }
        // The inner body has ended. Without a hasher, this body has ended or failed before.
        let Some(hasher) = this.hasher.take() else { return Poll::Ready(None) };
        let held = this.held.take();
        if *this.received < *this.size {
            let (received, expected) = (*this.received, *this.size);
            return Poll::Ready(Some(Err(StreamError::Short { received, expected })));
        }
        let actual = hasher.finish();
        if actual != *this.digest {
            let expected = this.digest.clone();
            return Poll::Ready(Some(Err(StreamError::Mismatch { expected, actual })));
        }
        *this.left = 0;
        Poll::Ready(held.map(|data| Ok(Frame::data(data))))
    }

    /// True only after the check: a reader that saw the end earlier would stop reading and skip it.
    fn is_end_stream(&self) -> bool {
        self.hasher.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::hashing::sha256;
    use crate::stream::testing::{Script, collect};

    fn verified(script: Script, text: &str) -> Verified<Script> {
        Verified::new(script, sha256(text.as_bytes()), text.len() as u64)
    }

    #[tokio::test]
    async fn passes_bytes_that_match() {
        let body = verified(Script::unknown(&["abc", "", "de"]), "abcde");
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(collect(body).await.unwrap(), "abcde");
        assert_eq!(collect(verified(Script::known(&["abc"]), "abc")).await.unwrap(), "abc");
        assert_eq!(collect(verified(Script::known(&[]), "")).await.unwrap(), "");
    }

    #[tokio::test]
    async fn the_last_frame_waits_for_the_end_of_the_inner_body() {
        use http_body_util::BodyExt;
        let mut body = verified(Script::unknown(&["abc", "de"]), "abcde");
        assert!(!body.is_end_stream());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        assert_eq!(body.size_hint().exact(), Some(2));
        assert!(!body.is_end_stream());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "de");
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn holds_the_last_frame_back_on_a_mismatch() {
        let (seen, error) =
            collect(verified(Script::known(&["abc", "dx"]), "abcde")).await.unwrap_err();
        assert_eq!(seen, "abc");
        assert!(
            matches!(error, StreamError::Mismatch { actual, .. } if actual == sha256(b"abcdx"))
        );
    }

    #[tokio::test]
    async fn fails_for_short_long_and_broken_bodies() {
        let (seen, error) = collect(verified(Script::known(&["abc"]), "abcde")).await.unwrap_err();
        assert_eq!(seen, "abc");
        assert!(matches!(error, StreamError::Short { received: 3, expected: 5 }));
        for frames in [&["abc", "def"][..], &["abcde", "f"], &["abcdef"]] {
            let (seen, error) =
                collect(verified(Script::known(frames), "abcde")).await.unwrap_err();
            assert!(seen.len() < 5, "{seen}");
            assert!(matches!(error, StreamError::Long { expected: 5 }));
        }
        let (seen, error) =
            collect(verified(Script::broken(&["abc", "de"]), "abcde")).await.unwrap_err();
        assert_eq!(seen, "abc");
        assert!(matches!(error, StreamError::Inner(_)));
        let (seen, error) = collect(verified(Script::known(&["x"]), "")).await.unwrap_err();
        assert_eq!(seen, "");
        assert!(matches!(error, StreamError::Long { expected: 0 }));
    }
}
