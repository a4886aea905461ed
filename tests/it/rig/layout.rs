//! Images in OCI layout directories, which clients push, and which are checked after clients pulled them.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use af_registry::oci::{Algorithm, Digest};
use af_registry::stream::hashing::{Hasher, sha256};
use serde_json::{Value, json};

use super::client::{OCI_INDEX, OCI_MANIFEST, random};

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Bytes that are written or read at once.
const PIECE: usize = 1 << 20;

/// A tar archive with one file of random bytes.
pub(crate) struct Layer {
    pub(crate) file: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Layer {
    /// Writes an archive whose file has this many bytes.
    pub(crate) fn random(file: PathBuf, seed: u64, size: usize) -> Self {
        let mut out = BufWriter::new(File::create(&file).unwrap());
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut total = 0;
        let mut write = |bytes: &[u8]| {
            hasher.update(bytes);
            out.write_all(bytes).unwrap();
            total += bytes.len() as u64;
        };
        write(&header("random", size));
        for (piece, offset) in (0_u64..).zip((0..size).step_by(PIECE)) {
            write(&random(seed << 32 | piece, PIECE.min(size - offset)));
        }
        // The last block of the file is padded, and two empty blocks end the archive.
        write(&vec![0; size.next_multiple_of(512) - size + 1024]);
        out.flush().unwrap();
        Self { file, digest: hasher.finish(), size: total }
    }

    /// The path of the archive as text.
    pub(crate) fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }
}

/// The header of a regular file in an archive (POSIX.1-1988 `ustar`).
fn header(name: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let size = format!("{size:011o}");
    for (offset, field) in [
        (0, name),
        (100, "0000644"),
        (108, "0000000"),
        (116, "0000000"),
        (124, &size),
        (136, "00000000000"),
        (148, "        "), // computed with spaces in the field of the checksum
        (156, "0"),
        (257, "ustar\x0000"),
    ] {
        header[offset..offset + field.len()].copy_from_slice(field.as_bytes());
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// A layout with one image or index under the tag `v1`.
pub(crate) struct Layout {
    pub(crate) directory: PathBuf,
    /// The digest of the image or index.
    pub(crate) root: Digest,
    /// The digests of the images' configurations, in the order of the images.
    pub(crate) configs: Vec<Digest>,
}

impl Layout {
    /// Writes an image for linux/amd64.
    pub(crate) fn image(directory: PathBuf, layers: &[&Layer]) -> Self {
        let (descriptor, config) = image(&directory, "amd64", layers);
        Self::finish(directory, descriptor, vec![config])
    }

    /// Writes an index of one image for each of the architectures.
    pub(crate) fn index(directory: PathBuf, images: &[(&str, &[&Layer])]) -> Self {
        let images = images.iter().map(|(name, layers)| image(&directory, name, layers));
        let (descriptors, configs): (Vec<_>, Vec<_>) = images.unzip();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors });
        let descriptor = blob(&directory, OCI_INDEX, &index);
        Self::finish(directory, descriptor, configs)
    }

    fn finish(directory: PathBuf, mut root: Value, configs: Vec<Digest>) -> Self {
        let digest = digest_in(&root);
        root["annotations"] = json!({ "org.opencontainers.image.ref.name": "v1" });
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [root] });
        std::fs::write(directory.join("index.json"), index.to_string()).unwrap();
        std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { directory, root: digest, configs }
    }

    /// The name that clients use for it: `<directory>:v1`.
    pub(crate) fn tagged(&self) -> String {
        format!("{}:v1", self.path())
    }

    /// The path of the directory as text.
    pub(crate) fn path(&self) -> &str {
        self.directory.to_str().unwrap()
    }

    /// The digest of the root, then every digest below it.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        intact(&self.directory.join("blobs"), &self.root)
    }
}

/// Writes an image and returns its descriptor and the digest of its configuration.
fn image(layout: &Path, architecture: &str, layers: &[&Layer]) -> (Value, Digest) {
    let diffs: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let history = json!({ "created": "2026-01-01T00:00:00Z", "created_by": "random bytes" });
    let config = json!({
        "created": "2026-01-01T00:00:00Z",
        "architecture": architecture,
        "os": "linux",
        "config": { "Cmd": ["/random"] },
        "rootfs": { "type": "layers", "diff_ids": diffs },
        "history": vec![history; layers.len()],
    });
    let config = blob(layout, OCI_CONFIG, &config);
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| {
            let name = layout.join("blobs/sha256").join(layer.digest.hex());
            // Two images may share a layer, so it may exist already.
            let _ = std::fs::hard_link(&layer.file, name);
            json!({ "mediaType": OCI_LAYER, "digest": layer.digest.as_str(), "size": layer.size })
        })
        .collect();
    let digest = digest_in(&config);
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers });
    let mut descriptor = blob(layout, OCI_MANIFEST, &manifest);
    descriptor["platform"] = json!({ "os": "linux", "architecture": architecture });
    (descriptor, digest)
}

/// Writes a JSON blob and returns its descriptor.
fn blob(layout: &Path, media_type: &str, content: &Value) -> Value {
    let bytes = serde_json::to_vec(content).unwrap();
    let digest = sha256(&bytes);
    let directory = layout.join("blobs/sha256");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(digest.hex()), &bytes).unwrap();
    json!({ "mediaType": media_type, "digest": digest.as_str(), "size": bytes.len() })
}

fn digest_in(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().unwrap().parse().unwrap()
}

/// Asserts that a directory of blobs contains an image or index with everything below it, and that all bytes match their
/// digests. Returns the digests, the root first.
#[track_caller]
pub(crate) fn intact(blobs: &Path, root: &Digest) -> Vec<Digest> {
    let (mut met, mut open) = (Vec::new(), vec![(root.clone(), true)]);
    while let Some((digest, is_manifest)) = open.pop() {
        if met.contains(&digest) {
            continue;
        }
        let file = blobs.join(digest.algorithm().to_string()).join(digest.hex());
        assert_eq!(digest_of(&file), digest, "{}", file.display());
        if is_manifest {
            let manifest: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let listed = |field: &str| manifest[field].as_array().cloned().unwrap_or_default();
            open.extend(listed("manifests").iter().map(|child| (digest_in(child), true)));
            open.extend(listed("layers").iter().map(|layer| (digest_in(layer), false)));
            open.extend(manifest.get("config").map(|config| (digest_in(config), false)));
        }
        met.push(digest);
    }
    met
}

/// The digest of a file's bytes.
pub(crate) fn digest_of(file: &Path) -> Digest {
    let mut input = File::open(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut piece = vec![0; PIECE];
    loop {
        match input.read(&mut piece).unwrap() {
            0 => return hasher.finish(),
            read => hasher.update(&piece[..read]),
        }
    }
}
