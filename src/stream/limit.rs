//! A body that may not be longer than so many bytes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::StreamError;

pin_project! {
    /// Fails with [`StreamError::TooLong`] instead of handing on the frame that would pass the limit. Fails at once
    /// when the size is announced and too large, so nothing of it need be read.
    #[derive(Debug)]
    pub struct Limited<B> {
        #[pin]
        inner: B,
        limit: u64,
        left: u64,
        failed: bool,
    }
}

impl<B> Limited<B> {
    /// Lets at most `limit` bytes of `inner` pass.
    pub fn new(inner: B, limit: u64) -> Self {
        Self { inner, limit, left: limit, failed: false }
    }
}

impl<B: Body<Data = Bytes>> Body for Limited<B> {
    type Data = Bytes;
    type Error = StreamError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        let too_long = StreamError::TooLong { limit: *this.limit };
        if this.inner.size_hint().lower() > *this.left {
            *this.failed = true;
            return Poll::Ready(Some(Err(too_long)));
        }
        let Some(frame) = ready!(this.inner.poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.inspect_err(|_| *this.failed = true)?;
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        match this.left.checked_sub(size) {
            Some(left) => {
                *this.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                *this.failed = true;
                Poll::Ready(Some(Err(too_long)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::testing::{Script, collect};

    #[tokio::test]
    async fn lets_the_limit_itself_pass() {
        let body = Limited::new(Script::known(&["abc", "de"]), 5);
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(collect(body).await.unwrap(), "abcde");
        let body = Limited::new(Script::known(&[]), 0);
        assert!(body.is_end_stream());
        assert_eq!(collect(body).await.unwrap(), "");
    }

    #[tokio::test]
    async fn fails_before_the_frame_that_is_too_much() {
        let body = Limited::new(Script::unknown(&["abc", "de", "f"]), 4);
        let (seen, error) = collect(body).await.unwrap_err();
        assert_eq!(seen, "abc");
        assert!(matches!(error, StreamError::TooLong { limit: 4 }));
    }

    #[tokio::test]
    async fn fails_at_once_when_the_size_is_announced() {
        let (seen, error) =
            collect(Limited::new(Script::known(&["abc", "de"]), 4)).await.unwrap_err();
        assert_eq!(seen, "");
        assert!(matches!(error, StreamError::TooLong { limit: 4 }));
    }

    #[tokio::test]
    async fn hands_on_the_failure_of_the_body() {
        let (seen, error) = collect(Limited::new(Script::broken(&["abc"]), 9)).await.unwrap_err();
        assert_eq!(seen, "abc");
        assert!(matches!(error, StreamError::Inner(_)));
    }
}
