//! `Content-Range` of a chunk of an upload.
#![no_main]

use af_registry::oci::{Chunk, received_range};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let chunk = text.parse::<Chunk>();
    if let Ok(chunk) = chunk {
        assert!(fuzz::CHUNK.holds(text) && chunk.first <= chunk.last);
        assert!(i64::try_from(chunk.first + chunk.size()).is_ok());
        let written = format!("{}-{}", chunk.first, chunk.last);
        assert_eq!(written.parse(), Ok(chunk));
        // The answer to a first chunk names the same bytes.
        let whole = received_range(chunk.first + chunk.size());
        assert_eq!(whole.parse(), Ok(Chunk { first: 0, last: chunk.last }));
    } else if fuzz::CHUNK.holds(text) {
        let ends = text.split_once('-').map(|(first, last)| (first.parse(), last.parse()));
        let legal = |first: u64, last: u64| first <= last && last < i64::MAX as u64;
        assert!(!matches!(ends, Some((Ok(first), Ok(last))) if legal(first, last)));
    }
});
