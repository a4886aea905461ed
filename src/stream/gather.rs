//! Bytes that are gathered in memory, at a cost that the size of the frames does not change.

use std::fmt::Display;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use thiserror::Error;

/// Smallest frame that is kept as it came while it is the only one. A smaller frame may hold a much larger buffer of its
/// connection in memory, so it is copied.
const KEPT_BYTES: usize = 256 * 1024;

/// Gathers frames in one buffer. The buffer has at most twice the size of its bytes.
///
/// A client chooses the size of its frames. A list of frames of one byte would cost sixty times their size, and each of
/// them would keep the buffer of the connection that it was read into.
#[derive(Debug, Default)]
pub struct Gathered {
    sole: Option<Bytes>,
    buffer: Vec<u8>,
}

impl Gathered {
    /// Appends the bytes of a frame.
    pub fn push(&mut self, frame: Bytes) {
        if frame.len() >= KEPT_BYTES && self.is_empty() {
            self.sole = Some(frame);
            return;
        }
        if frame.is_empty() {
            return;
        }
        if let Some(sole) = self.sole.take() {
            self.buffer.reserve(sole.len() + frame.len());
            self.buffer.extend_from_slice(&sole);
        }
        self.buffer.extend_from_slice(&frame);
    }

    /// Number of gathered bytes.
    pub fn len(&self) -> usize {
        self.sole.as_ref().map_or(self.buffer.len(), Bytes::len)
    }

    /// Whether no byte was gathered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the gathered bytes and begins anew.
    pub fn take(&mut self) -> Bytes {
        let buffer = std::mem::take(&mut self.buffer);
        self.sole.take().unwrap_or_else(|| buffer.into())
    }
}

/// The bytes of a body were not gathered.
#[derive(Debug, Error)]
pub enum GatherError<E: Display> {
    /// The body has more bytes than are allowed.
    #[error("the body has more than {0} bytes")]
    TooLong(usize),
    /// The body failed.
    #[error("{0}")]
    Failed(E),
}

/// Reads a whole body of at most `most` bytes. Trailers are dropped.
///
/// # Errors
/// [`GatherError::TooLong`] as soon as the body announces or has more bytes.
pub async fn gather<B>(mut body: Pin<&mut B>, most: usize) -> Result<Bytes, GatherError<B::Error>>
where
    B: Body<Data = Bytes, Error: Display>,
{
    if body.size_hint().lower() > most as u64 {
        return Err(GatherError::TooLong(most));
    }
    let mut gathered = Gathered::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(GatherError::Failed)?.into_data() else { continue };
        if data.len() > most - gathered.len() {
            return Err(GatherError::TooLong(most));
        }
        gathered.push(data);
    }
    Ok(gathered.take())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::stream::testing::Script;

    #[test]
    fn frames_of_one_byte_cost_at_most_twice_their_size() {
        for size in [1000, 64 << 10, 1 << 20] {
            let source = Bytes::from(vec![b'x'; size]);
            let mut gathered = Gathered::default();
            for at in 0..size {
                gathered.push(source.slice(at..=at));
            }
            assert_eq!(gathered.len(), size);
            assert!(gathered.buffer.capacity() <= 2 * size, "{}", gathered.buffer.capacity());
            assert_eq!(gathered.take(), source);
            assert!(gathered.is_empty());
            // No gathered frame keeps the buffer that it was cut from.
            assert!(source.try_into_mut().is_ok());
        }
    }

    #[test]
    fn only_a_large_frame_that_stays_alone_is_kept() {
        let large = Bytes::from(vec![b'x'; KEPT_BYTES]);
        let mut gathered = Gathered::default();
        gathered.push(large.clone());
        gathered.push(Bytes::new());
        assert_eq!(gathered.len(), KEPT_BYTES);
        assert_eq!(gathered.take().as_ptr(), large.as_ptr());
        gathered.push(large.clone());
        gathered.push(Bytes::from_static(b"y"));
        let all = gathered.take();
        assert!(all.starts_with(&large) && all.ends_with(b"y") && all.len() == KEPT_BYTES + 1);
        let small = large.slice(1..);
        gathered.push(small.clone());
        assert_ne!(gathered.take().as_ptr(), small.as_ptr());
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit() {
        let read = async |script, most| gather(pin!(script), most).await;
        assert_eq!(read(Script::unknown(&["ab", "", "c"]), 3).await.unwrap(), "abc");
        assert_eq!(read(Script::known(&[]), 0).await.unwrap(), "");
        for script in [Script::known(&["abcd"]), Script::unknown(&["ab", "cd"])] {
            assert!(matches!(read(script, 3).await, Err(GatherError::TooLong(3))));
        }
        let broken = read(Script::broken(&["ab"]), 3).await;
        assert!(matches!(broken, Err(GatherError::Failed(_))));
    }
}
