//! Answers with several ranges, parsed by a reader that knows only the boundary. Input: a `Range` header on a line, then
//! the content.
#![no_main]

use std::ops::Range;

use af_registry::oci::{Byteranges, Selection};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|input: &[u8]| {
    let Some((header, content)) = fuzz::line(input) else { return };
    let Selection::Many(ranges) = Selection::parse(header, content.len() as u64) else { return };
    let answer = Byteranges::new(Uuid::from_u128(0x5eed), content.len() as u64);
    let bytes = |range: &Range<u64>| &content[range.start as usize..range.end as usize];
    let mut body = Vec::new();
    for (head, range) in answer.heads(&ranges).zip(&ranges) {
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes(range));
    }
    body.extend_from_slice(answer.tail().as_bytes());
    assert_eq!(answer.len(&ranges), body.len() as u64);
    let content_type = answer.content_type();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("a type");
    assert!(boundary.bytes().all(|b| b.is_ascii_hexdigit()));
    if content.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
        return; // Only a fuzzer that reads this file can guess the boundary.
    }
    let parts = read(&body, boundary).expect("a multipart answer");
    assert!(
        parts
            .iter()
            .map(|(range, part)| (range, *part))
            .eq(ranges.iter().map(|range| (range, bytes(range))))
    );
    assert!(parts.iter().all(|(range, _)| range.end <= content.len() as u64));
});

/// The parts between the boundaries (RFC 2046, section 5.1.1).
fn read<'a>(mut body: &'a [u8], boundary: &str) -> Option<Vec<(Range<u64>, &'a [u8])>> {
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter has no line break before it.
    body = body.strip_prefix(&delimiter.as_bytes()[2..])?;
    let mut parts = Vec::new();
    while let Some(part) = body.strip_prefix(b"\r\n") {
        let end = find(part, delimiter.as_bytes())?;
        let (part, rest) = part.split_at(end);
        let (head, content) = part.split_at(find(part, b"\r\n\r\n")?);
        parts.push((range(str::from_utf8(head).ok()?)?, &content[4..]));
        body = &rest[delimiter.len()..];
    }
    (body == b"--\r\n").then_some(parts)
}

/// The range that the headers of a part name.
fn range(head: &str) -> Option<Range<u64>> {
    let value = head.lines().find_map(|line| line.strip_prefix("Content-Range: bytes "))?;
    let (range, _) = value.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some(first.parse().ok()?..last.parse::<u64>().ok()? + 1)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
