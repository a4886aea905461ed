//! Saved states of running hashes, as a row brings them. Input: the state.
#![no_main]

use af_registry::oci::Algorithm;
use af_registry::stream::hashing::{Hasher, digest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        if let Some(mut hasher) = Hasher::resume(algorithm, input) {
            assert_eq!(hasher.algorithm(), algorithm);
            assert_eq!(hasher.save(), input);
            hasher.update(input);
            assert_eq!(hasher.finish().algorithm(), algorithm);
        }
        let mut hasher = Hasher::savable(algorithm);
        hasher.update(input);
        let resumed =
            Hasher::resume(algorithm, &hasher.save()).expect("a state that was just saved");
        assert_eq!(resumed.finish(), digest(algorithm, input));
    }
});
