//! Manifests: the parser, and what the registry must know of a manifest before it stores it.

use std::collections::BTreeMap;
use std::iter;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::Error;

use super::descriptor::DescriptorFlaw;
use super::{Descriptor, ManifestKind, MediaTypeError};

/// Largest number of descriptors in one manifest. Each costs a look-up, so the limit of 4 MiB on a manifest does not
/// bound the work well enough. The largest indexes in use have some hundreds.
const MAX_DESCRIPTORS: usize = 4096;

/// Number of characters of the parser's message that an error quotes.
const MAX_REASON: usize = 200;

/// Deepest nesting of arrays and objects. serde_json accepts no more either.
const MAX_DEPTH: usize = 127;

/// Why the registry rejects bytes as a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The bytes are not JSON or do not have the fields that the image specification gives. The text says where.
    #[error("the manifest cannot be read: {}", brief(.0))]
    Json(#[from] serde_json::Error),
    /// Arrays or objects are nested too deeply.
    #[error("the manifest is nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// `Content-Type` or `mediaType` is not the type of a manifest.
    #[error(transparent)]
    MediaType(#[from] MediaTypeError),
    /// `Content-Type` and `mediaType` contradict each other.
    #[error("Content-Type says {header}, mediaType says {body}")]
    Disagree {
        /// Media type in the `Content-Type` header.
        header: &'static str,
        /// Media type in the document.
        body: String,
    },
    /// Neither `Content-Type` nor `mediaType` is given, and the fields do not identify the kind either.
    #[error("neither Content-Type nor mediaType says what kind of manifest this is")]
    Unidentified,
    /// `Content-Type` says that it is a manifest of Docker, and `mediaType` is missing. Docker's registry refuses it too.
    #[error("mediaType is missing; a manifest of Docker must say `{0}` there")]
    Untyped(&'static str),
    /// `schemaVersion` is missing or not 2.
    #[error("schemaVersion is not 2")]
    SchemaVersion,
    /// The document has the fields of both an index and an image (CVE-2021-41190).
    #[error("the manifest has both `manifests` and `config` or `layers`")]
    Ambiguous,
    /// The type says index and the fields say image, or the reverse.
    #[error("the manifest does not have the fields of its type {0}")]
    Shape(&'static str),
    /// A digest in a descriptor is malformed.
    #[error("`{0}` in a descriptor is not a digest")]
    Digest(String),
    /// A size in a descriptor does not fit signed 64 bits.
    #[error("size {0} in a descriptor is too large")]
    Size(u64),
    /// The manifest has more than 4096 descriptors.
    #[error("the manifest has more than {MAX_DESCRIPTORS} descriptors")]
    Descriptors,
}

/// The fields that the registry reads. Serde rejects one that comes twice. Other fields stay in the raw bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

/// A valid manifest of a known kind, with its bytes exactly as they came.
#[derive(Debug)]
pub struct Manifest {
    kind: ManifestKind,
    raw: Bytes,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Vec<Descriptor>,
    children: Vec<Descriptor>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Parses a manifest that was pushed with the given `Content-Type` (distribution specification, "Pushing
    /// Manifests").
    ///
    /// Without the header, `mediaType` decides which kind it is; without that as well, its fields do.
    pub fn parse(raw: &Bytes, content_type: Option<&str>) -> Result<Self, ManifestError> {
        let header = content_type.map(str::parse::<ManifestKind>).transpose()?;
        if is_deep(raw) {
            return Err(ManifestError::Depth);
        }
        let document: Document = serde_json::from_slice(raw)?;
        if raw.trim_ascii_start().first() != Some(&b'{') {
            return Err(serde_json::Error::custom("it is not an object").into());
        }
        let kind = document.kind(header)?;
        document.check(kind)?;
        Ok(Self {
            kind,
            raw: raw.clone(),
            artifact_type: document.artifact_type,
            config: document.config,
            layers: document.layers.unwrap_or_default(),
            children: document.manifests.unwrap_or_default(),
            subject: document.subject,
            annotations: document.annotations,
        })
    }

    /// Whether it is an image or an index, of OCI or of Docker.
    pub fn kind(&self) -> ManifestKind {
        self.kind
    }

    /// The media type to serve it with, without parameters.
    pub fn media_type(&self) -> &'static str {
        self.kind.media_type()
    }

    /// The bytes as they were pushed.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Configuration and layers that the repository must hold. A digest may come more than once.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers).filter(|blob| !blob.is_loose())
    }

    /// Layers that the repository may lack: non-distributable ones with `urls`.
    pub fn loose_blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers).filter(|blob| blob.is_loose())
    }

    /// Entries of an index: manifests, and blobs in the caches of BuildKit. A digest may come more than once.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        self.children.iter()
    }

    /// The manifest that this one refers to. It need not exist.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// The artifact type for a list of referrers: its own, or else the type of an image's configuration (distribution
    /// specification, "Listing Referrers").
    pub fn artifact_type(&self) -> Option<&str> {
        let own = self.artifact_type.as_deref();
        let config = || self.config.as_ref().map(|config| config.media_type.as_str());
        own.filter(|own| !own.is_empty()).or_else(config).filter(|value| !value.is_empty())
    }

    /// The annotations of the manifest itself.
    pub fn annotations(&self) -> Option<&BTreeMap<String, String>> {
        self.annotations.as_ref()
    }
}

impl Document {
    fn kind(&self, header: Option<ManifestKind>) -> Result<ManifestKind, ManifestError> {
        if self.schema_version == Some(1) {
            return Err(MediaTypeError::Schema1.into());
        }
        let body = self.media_type.as_deref().filter(|body| !body.is_empty());
        match (header, body) {
            (Some(header), Some(body)) if body.parse() != Ok(header) => {
                let body = body.chars().take(128).collect();
                Err(ManifestError::Disagree { header: header.media_type(), body })
            }
            (Some(header), None) if header.is_docker() => {
                Err(ManifestError::Untyped(header.media_type()))
            }
            (Some(header), _) => Ok(header),
            (None, Some(body)) => Ok(body.parse()?),
            (None, None) if self.manifests.is_some() => Ok(ManifestKind::OciIndex),
            (None, None) if self.config.is_some() => Ok(ManifestKind::OciManifest),
            (None, None) => Err(ManifestError::Unidentified),
        }
    }

    fn check(&self, kind: ManifestKind) -> Result<(), ManifestError> {
        if self.schema_version != Some(2) {
            return Err(ManifestError::SchemaVersion);
        }
        let is_image = self.config.is_some() || self.layers.is_some();
        if self.manifests.is_some() && is_image {
            return Err(ManifestError::Ambiguous);
        }
        // Go writes an empty list as null, so a list may be missing. A configuration may not.
        let fits = if kind.is_index() { !is_image } else { self.config.is_some() };
        if !fits {
            return Err(ManifestError::Shape(kind.media_type()));
        }
        let mut count = 0;
        for descriptor in self.descriptors() {
            count += 1;
            match descriptor.flaw() {
                Some(DescriptorFlaw::Digest) => {
                    return Err(ManifestError::Digest(
                        descriptor.digest.chars().take(256).collect(),
                    ));
                }
                Some(DescriptorFlaw::Size) => return Err(ManifestError::Size(descriptor.size)),
                None => {}
            }
        }
        if count > MAX_DESCRIPTORS { Err(ManifestError::Descriptors) } else { Ok(()) }
    }

    fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        let lists = iter::chain(&self.layers, &self.manifests).flatten();
        iter::chain(&self.config, &self.subject).chain(lists)
    }
}

/// Whether brackets nest deeper than [`MAX_DEPTH`]. The result matters for valid JSON only.
fn is_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// The parser's message, shortened, since it quotes a misplaced string that may be as long as the manifest.
fn brief(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.char_indices().nth(MAX_REASON) {
        None => text,
        Some((end, _)) => {
            format!("{}… at line {} column {}", &text[..end], error.line(), error.column())
        }
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
