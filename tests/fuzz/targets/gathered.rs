//! Gathering of frames. Input: frames, each after a byte with its length; a length of 255 stands for 300,000 bytes.
#![no_main]

use af_registry::stream::gather::Gathered;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (mut gathered, mut expected, mut rest) = (Gathered::default(), Vec::new(), input);
    while let Some((length, after)) = rest.split_first()
        && expected.len() < 2 << 20
    {
        let (frame, after) = match length {
            255 => (Bytes::from(vec![b'x'; 300_000]), after),
            _ => {
                let (frame, after) = after.split_at(after.len().min(usize::from(*length)));
                (Bytes::copy_from_slice(frame), after)
            }
        };
        rest = after;
        expected.extend_from_slice(&frame);
        gathered.push(frame);
        assert_eq!(gathered.len(), expected.len());
        assert_eq!(gathered.is_empty(), expected.is_empty());
    }
    assert_eq!(gathered.take(), expected);
    assert!(gathered.is_empty() && gathered.take().is_empty());
});
