//! Byte ranges: the `Range` of a pull and the `Content-Range` of a pushed chunk.

use std::ops::Range;
use std::str::FromStr;

use thiserror::Error;

/// Largest number of ranges of one request; more are answered with the whole content. podman asks for up to 1024 pieces
/// of a zstd:chunked layer.
const MAX_RANGES: usize = 1024;

/// The bytes that a `Range` header selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The whole content, with status 200: the client asked for no usable range.
    Whole,
    /// One range, with status 206.
    One(Range<u64>),
    /// Two or more disjoint ranges in the order of the request, with status 206 as `multipart/byteranges`.
    Many(Vec<Range<u64>>),
    /// No requested byte exists: status 416.
    Unsatisfiable,
}

impl Selection {
    /// Applies the value of a `Range` header to content of `size` bytes (RFC 9110, section 14).
    ///
    /// The whole content is selected when the unit is unknown, when the value does not parse, when ranges overlap and
    /// when there are more than 1024. So a response never has more bytes than the content. Empty content has no
    /// ranges and is always served whole: containerd asks for `bytes=0-` of everything. Unsatisfiable ranges are
    /// dropped when others can be satisfied.
    pub fn parse(header: &str, size: u64) -> Self {
        let Some((unit, list)) = header.split_once('=') else { return Self::Whole };
        if !unit.trim().eq_ignore_ascii_case("bytes") || size == 0 {
            return Self::Whole;
        }
        let mut ranges = Vec::new();
        let specs = list.split(',').map(|spec| spec.trim_matches([' ', '\t']));
        for (count, spec) in specs.filter(|spec| !spec.is_empty()).enumerate() {
            let Some(range) = parse_spec(spec, size) else { return Self::Whole };
            if count == MAX_RANGES {
                return Self::Whole;
            }
            ranges.push(range);
        }
        if ranges.is_empty() {
            return Self::Whole;
        }
        ranges.retain(|range| !range.is_empty());
        match ranges.as_slice() {
            [] => Self::Unsatisfiable,
            [range] => Self::One(range.clone()),
            _ if overlap(&ranges) => Self::Whole,
            _ => Self::Many(ranges),
        }
    }
}

/// Parses `5-9`, `5-` or `-5` and cuts it at `size`. An unsatisfiable range is empty; `None` is not a range.
fn parse_spec(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = parse_position(last)?;
        return Some(size.saturating_sub(suffix)..size);
    }
    let first = parse_position(first)?;
    let end =
        if last.is_empty() { size } else { parse_position(last)?.saturating_add(1).min(size) };
    Some(first..end.max(first))
}

/// Parses a decimal number of any length. One beyond `u64` counts as `u64::MAX`, since no content is that long.
fn parse_position(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn overlap(ranges: &[Range<u64>]) -> bool {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| range.start);
    sorted.windows(2).any(|pair| pair[0].end > pair[1].start)
}

/// A `Content-Range` that is not one of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the Content-Range of an upload is written <first>-<last>, both counted from 0")]
pub struct ChunkError;

/// The `Content-Range` of an upload's `PATCH` or `PUT`: `^[0-9]+-[0-9]+$`, both ends inclusive (distribution
/// specification, "Pushing a blob in chunks"). RFC 9110 writes it in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte, at least `first`.
    pub last: u64,
}

impl Chunk {
    /// Length of the chunk in bytes, at least 1.
    pub fn size(self) -> u64 {
        self.last - self.first + 1
    }
}

impl FromStr for Chunk {
    type Err = ChunkError;

    fn from_str(s: &str) -> Result<Self, ChunkError> {
        let (first, last) = s.split_once('-').ok_or(ChunkError)?;
        let first = parse_position(first).ok_or(ChunkError)?;
        let last = parse_position(last).ok_or(ChunkError)?;
        // PostgreSQL stores sizes in signed 64 bits.
        if first <= last && last < i64::MAX as u64 {
            Ok(Self { first, last })
        } else {
            Err(ChunkError)
        }
    }
}

/// The `Range` header of an upload that holds `received` bytes: `0-<last>`. An empty upload has `0-0`, since Docker
/// parses nothing else.
pub fn received_range(received: u64) -> String {
    format!("0-{}", received.saturating_sub(1))
}

/// The `Content-Range` of one range of content of `size` bytes.
pub fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// The `Content-Range` of a response with status 416.
pub fn unsatisfied_range(size: u64) -> String {
    format!("bytes */{size}")
}

#[cfg(test)]
mod tests {
    use super::Selection::{Many, One, Unsatisfiable, Whole};
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "the ranges are the values under test")]
    fn selects_by_the_rules() {
        let cases = [
            ("bytes=0-0", 10, One(0..1)),
            ("bytes=0-", 10, One(0..10)),
            ("bytes=3-5", 10, One(3..6)),
            ("Bytes= 3-5 ", 10, One(3..6)),
            ("bytes=3-50", 10, One(3..10)),
            ("bytes=3-99999999999999999999999", 10, One(3..10)),
            ("bytes=9-18446744073709551615", 10, One(9..10)),
            ("bytes=-3", 10, One(7..10)),
            ("bytes=-30", 10, One(0..10)),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-11", 10, Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Unsatisfiable),
            ("bytes=5-2", 10, Unsatisfiable),
            ("bytes=20-30,-0", 10, Unsatisfiable),
            ("bytes=0-1,4-5", 10, Many(vec![0..2, 4..6])),
            ("bytes=4-5 , 0-1", 10, Many(vec![4..6, 0..2])),
            ("bytes=0-4,5-9", 10, Many(vec![0..5, 5..10])),
            ("bytes=0-1,40-50,-1", 10, Many(vec![0..2, 9..10])),
            ("bytes=0-1,40-50", 10, One(0..2)),
            ("bytes=0-1,,", 10, One(0..2)),
            ("bytes=0-5,5-6", 10, Whole),
            ("bytes=0-,-1", 10, Whole),
            ("bytes=0-0", 0, Whole),
            ("bytes=0-", 0, Whole),
            ("bytes=-5", 0, Whole),
            ("items=0-1", 10, Whole),
            ("bytes", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=,", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=1-2-3", 10, Whole),
            ("bytes=0-1,x", 10, Whole),
            ("", 10, Whole),
        ];
        for (header, size, expected) in cases {
            assert_eq!(Selection::parse(header, size), expected, "{header} of {size}");
        }
    }

    #[test]
    fn caps_the_number_of_ranges() {
        let header = |n: u64| {
            let specs: Vec<_> = (0..n).map(|i| format!("{}-{}", 2 * i, 2 * i)).collect();
            format!("bytes={}", specs.join(","))
        };
        assert!(matches!(Selection::parse(&header(1024), 1 << 20), Many(r) if r.len() == 1024));
        assert_eq!(Selection::parse(&header(1025), 1 << 20), Whole);
    }

    #[test]
    fn reads_the_chunks_of_uploads() {
        assert_eq!("0-0".parse(), Ok(Chunk { first: 0, last: 0 }));
        assert_eq!("5-9".parse::<Chunk>().map(Chunk::size), Ok(5));
        for junk in [
            "",
            "-",
            "0-",
            "-5",
            "5-2",
            "bytes 0-2/3",
            "bytes=0-2",
            " 0-2",
            "+0-2",
            "0-2/3",
            "0-9223372036854775807",
            "0-99999999999999999999",
        ] {
            assert_eq!(junk.parse::<Chunk>(), Err(ChunkError), "{junk}");
        }
    }

    #[test]
    fn writes_ranges() {
        assert_eq!(received_range(0), "0-0");
        assert_eq!(received_range(1), "0-0");
        assert_eq!(received_range(1024), "0-1023");
        assert_eq!(content_range(&(500..1500), 2000), "bytes 500-1499/2000");
        assert_eq!(unsatisfied_range(7), "bytes */7");
    }
}
