//! Boundaries and headers of a `multipart/byteranges` response (RFC 9110, 14.6).

use std::ops::Range;

use uuid::Uuid;

use super::{content_range, media_type};

/// The text around the ranges of a response that carries several of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Byteranges {
    boundary: Uuid,
    size: u64,
}

impl Byteranges {
    /// Frames ranges of a representation of `size` bytes. The boundary must be random, so that the content cannot
    /// contain it.
    pub fn new(boundary: Uuid, size: u64) -> Self {
        Self { boundary, size }
    }

    /// The `Content-Type` of the response. The boundary has hex digits only, since some clients parse nothing else.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary.simple())
    }

    /// The boundary and the headers to send before each range.
    pub fn heads(&self, ranges: &[Range<u64>]) -> impl Iterator<Item = String> {
        let (boundary, kind) = (self.boundary.simple(), media_type::OCTET_STREAM);
        ranges.iter().enumerate().map(move |(i, range)| {
            let lead = if i == 0 { "" } else { "\r\n" };
            let range = content_range(range, self.size);
            format!("{lead}--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n")
        })
    }

    /// The closing boundary to send after the last range.
    pub fn tail(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary.simple())
    }

    /// Length of the response body in bytes, with all boundaries and headers.
    pub fn len(&self, ranges: &[Range<u64>]) -> u64 {
        let heads: usize = self.heads(ranges).map(|head| head.len()).sum();
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        (heads + self.tail().len()) as u64 + bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_each_range() {
        let answer = Byteranges::new(Uuid::nil(), 10);
        let boundary = "0".repeat(32);
        assert_eq!(answer.content_type(), format!("multipart/byteranges; boundary={boundary}"));
        let ranges = [4..6, 0..1];
        let part = |range| {
            format!(
                "--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/10\r\n\r\n"
            )
        };
        let heads: Vec<_> = answer.heads(&ranges).collect();
        assert_eq!(heads, [part("4-5"), format!("\r\n{}", part("0-0"))]);
        assert_eq!(answer.tail(), format!("\r\n--{boundary}--\r\n"));
        let len = heads.concat().len() + answer.tail().len() + 3;
        assert_eq!(answer.len(&ranges), len as u64);
    }
}
