//! Images made by the tests: OCI layouts of random layers, as an image builder would write them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use af_registry::oci::Digest;
use af_registry::stream::hashing::sha256;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{OCI_INDEX, OCI_MANIFEST, random};

/// An OCI layout whose one entry is tagged `1`.
pub(crate) struct Layout {
    directory: TempDir,
    /// What the entry names.
    pub(crate) digest: Digest,
}

/// An index of an image for amd64 and one for arm64.
pub(crate) fn multi() -> &'static Layout {
    static MULTI: OnceLock<Layout> = OnceLock::new();
    MULTI.get_or_init(|| {
        let directory = directory();
        let images: Vec<Value> = [("amd64", 90), ("arm64", 91)]
            .map(|(platform, seed)| {
                let mut entry = write_image(directory.path(), platform, seed, 2 << 20);
                entry["platform"] = json!({ "os": "linux", "architecture": platform });
                entry
            })
            .to_vec();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": images });
        finish(directory, OCI_INDEX, &index)
    })
}

/// An image for this platform with a layer of 300 MiB that nothing compresses.
pub(crate) fn big() -> &'static Layout {
    static BIG: OnceLock<Layout> = OnceLock::new();
    BIG.get_or_init(|| image("amd64", 92, 300 << 20))
}

/// A small image for one platform.
pub(crate) fn image(platform: &str, seed: u64, size: usize) -> Layout {
    let directory = directory();
    let entry = write_image(directory.path(), platform, seed, size);
    let digest = entry["digest"].as_str().unwrap().parse().unwrap();
    write_index(directory.path(), &entry);
    Layout { directory, digest }
}

impl Layout {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// With a name in lower case: podman makes a repository's name of the path.
fn directory() -> TempDir {
    let name = format!("af-registry-layout-{}", uuid::Uuid::new_v4());
    tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().unwrap()
}

fn finish(directory: TempDir, media_type: &str, document: &Value) -> Layout {
    let entry = write_blob(directory.path(), media_type, document.to_string().as_bytes());
    let digest = entry["digest"].as_str().unwrap().parse().unwrap();
    write_index(directory.path(), &entry);
    Layout { directory, digest }
}

fn write_index(directory: &Path, entry: &Value) {
    let mut entry = entry.clone();
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "1" });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(directory.join("index.json"), index.to_string()).unwrap();
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Writes one image FROM scratch and returns its descriptor.
fn write_image(directory: &Path, platform: &str, seed: u64, size: usize) -> Value {
    let tar = tar_of(seed, size);
    let diff_id = sha256(&fs::read(&tar).unwrap());
    let gzip = Command::new("gzip").args(["-1", "-n", "-f"]).arg(&tar).status().unwrap();
    assert!(gzip.success());
    let layer = fs::read(tar.with_extension("tar.gz")).unwrap();
    fs::remove_dir_all(tar.parent().unwrap()).unwrap();
    let layer = write_blob(directory, "application/vnd.oci.image.layer.v1.tar+gzip", &layer);
    let config = json!({
        "architecture": platform, "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": [diff_id.as_str()] },
        "history": [{ "created": "2026-01-01T00:00:00Z", "created_by": "a test" }],
    });
    let config = write_blob(
        directory,
        "application/vnd.oci.image.config.v1+json",
        config.to_string().as_bytes(),
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer],
    });
    write_blob(directory, OCI_MANIFEST, manifest.to_string().as_bytes())
}

/// A tar of one file of random bytes.
fn tar_of(seed: u64, size: usize) -> PathBuf {
    let directory = tempfile::tempdir().unwrap().keep();
    fs::write(directory.join("data"), random(seed, size)).unwrap();
    let tar = directory.join("layer.tar");
    let made = Command::new("tar")
        .args(["--format=ustar", "--mtime=@0", "--owner=0", "--group=0", "-cf"])
        .arg(&tar)
        .arg("-C")
        .arg(&directory)
        .arg("data")
        .status()
        .unwrap();
    assert!(made.success());
    tar
}

fn write_blob(directory: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let digest = sha256(bytes);
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(digest.hex()), bytes).unwrap();
    json!({ "mediaType": media_type, "digest": digest.as_str(), "size": bytes.len() })
}
