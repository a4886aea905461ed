//! The conformance program of the OCI distribution specification, its development version with every option on.

use crate::clients::tool;
use crate::rig::server::builder;

/// Fewer would mean that the program did not do its work, whatever its exit code says.
const LEAST: usize = 1000;

/// Every API and every kind of data the program knows.
const OPTIONS: [&str; 31] = [
    "API_PING",
    "API_PULL",
    "API_PUSH",
    "API_BLOBS_ATOMIC",
    "API_BLOBS_DELETE",
    "API_BLOBS_DIGEST_HEADER",
    "API_BLOBS_MOUNT_ANONYMOUS",
    "API_BLOBS_UPLOAD_CANCEL",
    "API_MANIFESTS_ATOMIC",
    "API_MANIFESTS_DELETE",
    "API_MANIFESTS_DIGEST_HEADER",
    "API_MANIFESTS_TAG_PARAM",
    "API_TAGS_ATOMIC",
    "API_TAGS_DELETE",
    "API_TAGS_LIST",
    "API_REFERRER",
    "DATA_IMAGE",
    "DATA_INDEX",
    "DATA_INDEX_LIST",
    "DATA_SPARSE",
    "DATA_ARTIFACT",
    "DATA_SUBJECT",
    "DATA_SUBJECT_MISSING",
    "DATA_ARTIFACT_LIST",
    "DATA_SUBJECT_LIST",
    "DATA_DATA_FIELD",
    "DATA_NONDISTRIBUTABLE",
    "DATA_CUSTOM_FIELDS",
    "DATA_NO_LAYERS",
    "DATA_EMPTY_BLOB",
    "DATA_SHA512",
];

#[tokio::test]
async fn the_oci_conformance_program_finds_nothing_to_complain_of() {
    let server = builder().await.env("OPEN_REGISTRY_ALLOW_SPARSE_INDEX", "true").start().await;
    let results = tempfile::tempdir().unwrap();
    let mut program = tool("conformance");
    program
        .current_dir(results.path())
        .env("OCI_REGISTRY", server.host())
        .env("OCI_TLS", "disabled")
        .env("OCI_REPO1", "conformance/one")
        .env("OCI_REPO2", "conformance/two")
        .env("OCI_VERSION", "dev")
        .env("OCI_RESULTS_DIR", results.path());
    for option in OPTIONS {
        program.env(format!("OCI_{option}"), "true");
    }
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Its exit code is 0 also when it could not read its settings.
    let yaml = std::fs::read_to_string(results.path().join("results.yaml"));
    assert!(yaml.is_ok_and(|yaml| !yaml.is_empty()), "no results: {text}{output:?}");
    let verdict = |line: &str| line.rsplit([':', ' ']).next().unwrap_or_default().to_owned();
    // Cases, and below them a line for each API and kind of data; the counts between them end in a number.
    let case = |line: &&str| {
        line.trim_start().starts_with("OCI Conformance Test")
            || (line.contains("..:") && !line.ends_with(|last: char| last.is_ascii_digit()))
    };
    let (passed, other): (Vec<_>, Vec<_>) =
        text.lines().filter(case).partition(|line| verdict(line) == "Pass");
    println!("conformance: {} passed, {} other", passed.len(), other.len());
    assert!(other.is_empty(), "{}", other.join("\n"));
    assert!(passed.len() >= LEAST, "only {} cases ran:\n{text}", passed.len());
}
