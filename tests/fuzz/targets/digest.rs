//! Digests, tags, references and the names of upload sessions.
#![no_main]

use af_registry::oci::{
    Digest, DigestError, Reference, ReferenceError, Tag, UploadId, is_well_formed,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let digest = text.parse::<Digest>();
    assert_eq!(is_well_formed(text), text.len() <= 1024 && fuzz::DIGEST.holds(text));
    assert_eq!(digest.is_ok(), fuzz::REGISTERED.holds(text));
    match &digest {
        Ok(digest) => {
            assert_eq!(digest.to_string(), text);
            assert_eq!(Digest::from_hash(digest.algorithm(), &digest.hash()), *digest);
        }
        Err(error) => {
            assert_eq!(*error == DigestError::Malformed, !is_well_formed(text));
            assert!(error.to_string().len() < 256);
        }
    }
    let tag = text.parse::<Tag>();
    assert_eq!(tag.is_ok(), fuzz::TAG.holds(text));
    match text.parse::<Reference>() {
        Ok(reference) => {
            assert_eq!(reference.to_string(), text);
            assert_ne!(tag.is_ok(), digest.is_ok());
        }
        Err(error) => {
            assert!(tag.is_err() && digest.is_err());
            assert_eq!(matches!(error, ReferenceError::Digest(_)), text.contains(':'));
        }
    }
    let upload = text.parse::<UploadId>();
    assert_eq!(upload.is_ok(), fuzz::UPLOAD.holds(text));
    if let Ok(upload) = upload {
        assert_eq!(upload.to_string(), text.to_lowercase());
    }
});
