//! Manifests. Input: the `Content-Type` on a line (empty: there is none), then the document.
#![no_main]

use af_registry::oci::{Manifest, is_well_formed};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Some((content_type, document)) = fuzz::line(input) else { return };
    let raw = Bytes::copy_from_slice(document);
    let content_type = Some(content_type).filter(|text| !text.is_empty());
    let manifest = match Manifest::parse(&raw, content_type) {
        Ok(manifest) => manifest,
        Err(error) => return assert!(error.to_string().chars().count() < 1024, "{error}"),
    };
    assert_eq!(manifest.raw(), &raw);
    check(&manifest);
    if let Ok(value) = serde_json::from_slice::<Value>(manifest.raw()) {
        let lists = [&value["layers"], &value["manifests"]].map(Value::as_array);
        let single = [&value["config"], &value["subject"]].into_iter().filter(|v| !v.is_null());
        assert!(
            value.is_object()
                && single.chain(lists.into_iter().flatten().flatten()).all(Value::is_object)
        );
        let again = Bytes::from(value.to_string());
        let again = Manifest::parse(&again, Some(manifest.media_type())).expect("the same again");
        assert_same(&manifest, &again);
    }
});

/// Checks what is true of every accepted manifest.
fn check(manifest: &Manifest) {
    let again = Manifest::parse(manifest.raw(), Some(manifest.media_type())).expect("its own type");
    assert_same(manifest, &again);
    let blobs = manifest.blobs().chain(manifest.loose_blobs());
    let all: Vec<_> = blobs.chain(manifest.children()).chain(manifest.subject()).collect();
    assert!(all.len() <= 4096);
    for descriptor in all {
        assert!(is_well_formed(&descriptor.digest) && i64::try_from(descriptor.size).is_ok());
    }
    let is_index = manifest.kind().is_index();
    assert!(!is_index || manifest.blobs().chain(manifest.loose_blobs()).next().is_none());
    assert!(is_index || manifest.children().next().is_none());
    assert_ne!(manifest.artifact_type(), Some(""));
}

fn assert_same(one: &Manifest, other: &Manifest) {
    assert_eq!(one.kind(), other.kind());
    assert!(one.blobs().eq(other.blobs()) && one.loose_blobs().eq(other.loose_blobs()));
    assert!(one.children().eq(other.children()));
    assert_eq!(one.subject(), other.subject());
    assert_eq!(one.artifact_type(), other.artifact_type());
    assert_eq!(one.annotations(), other.annotations());
}
