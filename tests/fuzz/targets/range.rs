//! The `Range` header. Input: the size of the content on a line, then the header.
#![no_main]

use af_registry::oci::Selection;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, header)) = fuzz::line(input) else { return };
    let (Ok(size), Ok(header)) = (size.parse::<u64>(), str::from_utf8(header)) else { return };
    let selection = Selection::parse(header, size);
    let mut ranges = match &selection {
        Selection::Whole => return,
        Selection::Unsatisfiable => return assert_ne!(size, 0),
        Selection::One(range) => vec![range.clone()],
        Selection::Many(ranges) => {
            assert!((2..=1024).contains(&ranges.len()));
            ranges.clone()
        }
    };
    // The plain form of the selected ranges selects the same ranges.
    let plain: Vec<_> = ranges.iter().map(|r| format!("{}-{}", r.start, r.end - 1)).collect();
    assert_eq!(Selection::parse(&format!("bytes={}", plain.join(",")), size), selection);
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
    assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
});
