//! Tests of the manifest parser.

use serde_json::{Value, json};

use super::*;
use crate::oci::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(document: &Value, content_type: Option<&str>) -> Result<Manifest, ManifestError> {
    Manifest::parse(&document.to_string().into(), content_type)
}

fn descriptor(media_type: &str) -> Value {
    json!({"mediaType": media_type, "digest": DIGEST, "size": 2})
}

fn image() -> Value {
    json!({"schemaVersion": 2, "config": descriptor("application/x.config"), "layers": [descriptor("a/b")]})
}

fn index() -> Value {
    json!({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST)]})
}

fn with(mut document: Value, key: &str, value: Value) -> Value {
    document[key] = value;
    document
}

#[test]
fn identifies_the_kind() {
    let image_of = |media_type: &str| with(image(), "mediaType", media_type.into());
    let cases = [
        (image(), Some(OCI_MANIFEST), OCI_MANIFEST),
        (image_of(DOCKER_MANIFEST), Some(DOCKER_MANIFEST), DOCKER_MANIFEST),
        (image_of(DOCKER_MANIFEST), None, DOCKER_MANIFEST),
        (
            image_of(OCI_MANIFEST),
            Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
            OCI_MANIFEST,
        ),
        (image(), None, OCI_MANIFEST),
        (index(), None, OCI_INDEX),
        (with(index(), "mediaType", DOCKER_LIST.into()), Some(DOCKER_LIST), DOCKER_LIST),
        (json!({"schemaVersion": 2, "manifests": []}), Some(OCI_INDEX), OCI_INDEX),
        (json!({"schemaVersion": 2, "manifests": null}), Some(OCI_INDEX), OCI_INDEX),
        (with(image(), "layers", Value::Null), Some(OCI_MANIFEST), OCI_MANIFEST),
    ];
    for (document, header, expected) in cases {
        let manifest = parse(&document, header).unwrap();
        assert_eq!(manifest.media_type(), expected, "{document}");
        assert_eq!(manifest.raw(), document.to_string().as_bytes());
    }
}

#[test]
fn refuses_with_the_reason() {
    let mut upper = image();
    upper["config"]["digest"] = DIGEST.to_uppercase().into();
    let mut short = image();
    short["config"]["digest"] = "sha256:abc".into();
    let mut negative = image();
    negative["config"]["size"] = (-1).into();
    let mut huge = image();
    huge["config"]["size"] = u64::MAX.into();
    let many = json!({"schemaVersion": 2, "manifests": vec![descriptor("a/b"); 4097]});
    let cases = [
        (json!([]), None, "Json"),
        (json!({}), None, "Unidentified"),
        (json!({}), Some(OCI_INDEX), "SchemaVersion"),
        (image(), Some("application/json"), "MediaType(Unknown"),
        (
            image(),
            Some("application/vnd.docker.distribution.manifest.v1+json"),
            "MediaType(Schema1",
        ),
        (json!({"schemaVersion": 1, "fsLayers": []}), None, "MediaType(Schema1"),
        (with(image(), "mediaType", "a/b".into()), None, "MediaType(Unknown"),
        (with(image(), "mediaType", DOCKER_MANIFEST.into()), Some(OCI_MANIFEST), "Disagree"),
        (image(), Some(DOCKER_MANIFEST), "Untyped"),
        (index(), Some(DOCKER_LIST), "Untyped"),
        (with(image(), "mediaType", "".into()), Some(DOCKER_MANIFEST), "Untyped"),
        (with(image(), "schemaVersion", 3.into()), None, "SchemaVersion"),
        (with(image(), "manifests", json!([])), Some(OCI_MANIFEST), "Ambiguous"),
        (with(index(), "layers", json!([])), None, "Ambiguous"),
        (image(), Some(OCI_INDEX), "Shape"),
        (index(), Some(OCI_MANIFEST), "Shape"),
        (with(image(), "config", Value::Null), Some(OCI_MANIFEST), "Shape"),
        (upper, None, "Digest"),
        (short, None, "Digest"),
        (negative, None, "Json"),
        (huge, None, "Size"),
        (with(image(), "subject", json!({"digest": "x", "size": 1})), None, "Digest"),
        (with(image(), "annotations", json!({"a": 1})), None, "Json"),
        (many, None, "Descriptors"),
    ];
    for (document, header, expected) in cases {
        let error = format!("{:?}", parse(&document, header).unwrap_err());
        assert!(error.starts_with(expected), "{error} is not {expected}");
    }
}

#[test]
fn refuses_ambiguous_bytes() {
    let twice = |extra: &str| image().to_string().replacen('{', &format!("{{{extra},"), 1);
    let cases = [
        twice(r#""schemaVersion":2"#),
        twice(r#""layers":[]"#),
        image().to_string().replace(r#""size":2"#, r#""size":2,"size":3"#),
        format!("{} x", image()),
        format!("\u{feff}{}", image()),
    ];
    for text in cases {
        let result = Manifest::parse(&text.clone().into(), Some(OCI_MANIFEST));
        assert!(matches!(result, Err(ManifestError::Json(_))), "{text}");
    }
    let deep = twice(&format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200)));
    let result = Manifest::parse(&deep.into(), None);
    assert!(matches!(result, Err(ManifestError::Depth)));
    let flat = twice(&format!(r#""x":"\"{}""#, "[".repeat(200)));
    assert!(Manifest::parse(&flat.into(), None).is_ok());
}

#[test]
fn lists_the_content_that_it_needs() {
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let mut loose = descriptor(foreign);
    loose["urls"] = json!(["https://example.com/layer"]);
    let mut unsupported = descriptor("a/b");
    unsupported["digest"] = "blake3:ab".into();
    let layers = json!([descriptor("a/b"), loose, descriptor(foreign), unsupported]);
    let subject = json!({"mediaType": OCI_MANIFEST, "digest": "md5:ab", "size": 1});
    let document = with(with(image(), "layers", layers), "subject", subject);
    let manifest = parse(&document, None).unwrap();
    let types: Vec<_> = manifest.blobs().map(|blob| blob.media_type.as_str()).collect();
    assert_eq!(types, ["application/x.config", "a/b", foreign, "a/b"]);
    assert_eq!(manifest.blobs().filter(|blob| blob.storable_digest().is_none()).count(), 1);
    assert_eq!(manifest.loose_blobs().count(), 1);
    assert_eq!(manifest.children().count(), 0);
    assert_eq!(manifest.subject().unwrap().digest, "md5:ab");
    assert_eq!(parse(&index(), None).unwrap().children().count(), 1);
}

#[test]
fn names_the_artifact_type_of_the_referrers_list() {
    let own = |document| with(document, "artifactType", "x/own".into());
    let cases = [
        (image(), Some("application/x.config")),
        (own(image()), Some("x/own")),
        (with(image(), "artifactType", "".into()), Some("application/x.config")),
        (index(), None),
        (own(index()), Some("x/own")),
    ];
    for (document, expected) in cases {
        assert_eq!(parse(&document, None).unwrap().artifact_type(), expected, "{document}");
    }
}

#[test]
fn refuses_arrays_in_place_of_objects() {
    let values = json!(["a/b", DIGEST, 2, null]);
    let root = json!([2, OCI_MANIFEST, null, descriptor("a/b"), [], null, null, null]);
    let nested = with(image(), "layers", json!([values]));
    for document in [root, with(image(), "config", values), nested] {
        let result = parse(&document, Some(OCI_MANIFEST));
        assert!(matches!(result, Err(ManifestError::Json(_))), "{document}");
    }
}

#[test]
fn the_reason_quotes_a_manifest_only_in_part() {
    let document = with(image(), "schemaVersion", "é".repeat(100_000).into());
    let reason = parse(&document, None).unwrap_err().to_string();
    assert!(reason.contains("ééé") && reason.contains("at line 1 column"), "{reason}");
    assert!(reason.chars().count() < 300, "{reason}");
}
