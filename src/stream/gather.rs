//! Bytes that are gathered in memory, at a cost that the size of the frames does not change.

use std::fmt::Display;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use thiserror::Error;

/// Smallest frame that is kept as it came. A smaller frame may hold a much larger buffer of its connection in memory, so it
/// is copied.
const KEPT_BYTES: usize = 256 * 1024;

/// Bytes of a piece. Pieces are given back one by one while they are sent, and none is copied to make room for more.
const PIECE: usize = 64 * 1024;

/// Gathers frames. It takes at most twice the size of its bytes.
///
/// A client chooses the size of its frames. A list of frames of one byte would cost sixty times their size, and each of
/// them would keep the buffer of the connection that it was read into.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Bytes before those in `open`.
    closed: Vec<Bytes>,
    /// At most [`PIECE`] bytes.
    open: Vec<u8>,
    length: usize,
}

impl Gathered {
    /// Appends the bytes of a frame.
    pub fn push(&mut self, frame: Bytes) {
        self.length += frame.len();
        if frame.len() >= KEPT_BYTES {
            self.close();
            self.closed.push(frame);
            return;
        }
        let mut rest = &frame[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PIECE - self.open.len()));
            self.reserve(now.len());
            self.open.extend_from_slice(now);
            if self.open.len() == PIECE {
                self.close();
            }
            rest = later;
        }
    }

    /// Makes room in the open piece. It doubles, but never beyond a whole piece.
    fn reserve(&mut self, bytes: usize) {
        let length = self.open.len() + bytes;
        if length > self.open.capacity() {
            self.open.reserve_exact(length.next_power_of_two().min(PIECE) - self.open.len());
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.closed.push(std::mem::take(&mut self.open).into());
        }
    }

    /// Number of gathered bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no byte was gathered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the gathered bytes in one piece and begins anew.
    pub fn take(&mut self) -> Bytes {
        let mut frames = self.take_frames();
        match frames.len() {
            0 | 1 => frames.pop().unwrap_or_default(),
            _ => frames.concat().into(),
        }
    }

    /// Returns the gathered bytes as they are and begins anew.
    pub fn take_frames(&mut self) -> Vec<Bytes> {
        self.close();
        self.length = 0;
        std::mem::take(&mut self.closed)
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
            let open = gathered.open.capacity();
            let held = open + gathered.closed.len() * (PIECE + size_of::<Bytes>());
            assert!(held <= 2 * size, "{held}");
            assert_eq!(gathered.take(), source);
            assert!(gathered.is_empty());
            // No gathered frame keeps the buffer that it was cut from.
            assert!(source.try_into_mut().is_ok());
        }
    }

    #[test]
    fn frames_of_any_size_make_pieces_of_one_size() {
        for size in [PIECE - 1, PIECE * 2 / 3, PIECE + 1] {
            let mut gathered = Gathered::default();
            for _ in 0..10 {
                gathered.push(Bytes::from(vec![b'x'; size]));
                assert!(gathered.open.capacity() <= PIECE);
            }
            let frames = gathered.take_frames();
            let (last, whole) = frames.split_last().unwrap();
            assert!(whole.iter().all(|piece| piece.len() == PIECE) && last.len() <= PIECE);
        }
    }

    #[test]
    fn only_a_large_frame_is_kept() {
        let large = Bytes::from(vec![b'x'; KEPT_BYTES]);
        let mut gathered = Gathered::default();
        gathered.push(large.clone());
        gathered.push(Bytes::new());
        assert_eq!(gathered.len(), KEPT_BYTES);
        assert_eq!(gathered.take().as_ptr(), large.as_ptr());
        gathered.push(Bytes::from_static(b"w"));
        gathered.push(large.clone());
        gathered.push(Bytes::from_static(b"y"));
        let frames = gathered.take_frames();
        assert_eq!((&frames[0][..], &frames[2][..]), (&b"w"[..], &b"y"[..]));
        assert_eq!(frames[1].as_ptr(), large.as_ptr());
        let small = large.slice(1..);
        gathered.push(small.clone());
        let frames = gathered.take_frames();
        assert!(frames.iter().all(|frame| frame.len() <= PIECE) && frames.concat() == small);
        assert_ne!(frames[0].as_ptr(), small.as_ptr());
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
