//! Media types of manifests, configurations and layers.

use std::str::FromStr;

use thiserror::Error;

/// An OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index. Every list of referrers is one.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// A Docker image manifest, version 2 schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// A Docker manifest of schema 1, signed or not. Current registries reject both.
pub const DOCKER_SCHEMA1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// Type that blobs are served as. Clients push them, and a browser must not interpret them.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// The kinds of manifest that the registry stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the media type of its name")]
pub enum ManifestKind {
    OciManifest,
    OciIndex,
    DockerManifest,
    DockerList,
}

impl ManifestKind {
    /// The media type, without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::OciManifest => OCI_MANIFEST,
            Self::OciIndex => OCI_INDEX,
            Self::DockerManifest => DOCKER_MANIFEST,
            Self::DockerList => DOCKER_LIST,
        }
    }

    /// Whether it lists manifests and not layers.
    pub fn is_index(self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerList)
    }

    /// Whether Docker defines it and not OCI.
    pub fn is_docker(self) -> bool {
        matches!(self, Self::DockerManifest | Self::DockerList)
    }
}

/// Why a media type is not that of a manifest that the registry stores.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MediaTypeError {
    /// The type is that of Docker's schema 1.
    #[error("manifests of schema 1 are not supported; push with a current client")]
    Schema1,
    /// The type is not that of any manifest.
    #[error("`{0}` is not a media type of a manifest")]
    Unknown(String),
}

impl FromStr for ManifestKind {
    type Err = MediaTypeError;

    /// Parses a `Content-Type` or `mediaType`; parameters such as `charset` are ignored.
    fn from_str(s: &str) -> Result<Self, MediaTypeError> {
        let essence = essence(s);
        let is = |known: &str| known.eq_ignore_ascii_case(essence);
        let kinds = [Self::OciManifest, Self::OciIndex, Self::DockerManifest, Self::DockerList];
        if let Some(kind) = kinds.into_iter().find(|kind| is(kind.media_type())) {
            return Ok(kind);
        }
        if DOCKER_SCHEMA1.into_iter().any(is) {
            return Err(MediaTypeError::Schema1);
        }
        Err(MediaTypeError::Unknown(essence.chars().take(128).collect()))
    }
}

/// Cuts the parameters off a media type.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether the registry may lack layers of this type when they name `urls`. These are the non-distributable layers of
/// OCI and the foreign layers of Docker (image specification, layer.md).
pub fn is_nondistributable(media_type: &str) -> bool {
    const PREFIXES: [&str; 2] = [
        "application/vnd.oci.image.layer.nondistributable.",
        "application/vnd.docker.image.rootfs.foreign.",
    ];
    PREFIXES.iter().any(|prefix| media_type.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_kinds_and_ignores_parameters() {
        let cases = [
            (OCI_MANIFEST, Ok(ManifestKind::OciManifest)),
            (OCI_INDEX, Ok(ManifestKind::OciIndex)),
            (DOCKER_MANIFEST, Ok(ManifestKind::DockerManifest)),
            (DOCKER_LIST, Ok(ManifestKind::DockerList)),
            ("Application/vnd.oci.image.index.v1+JSON ; charset=utf-8", Ok(ManifestKind::OciIndex)),
            (DOCKER_SCHEMA1[1], Err(MediaTypeError::Schema1)),
            ("application/json", Err(MediaTypeError::Unknown("application/json".into()))),
            ("", Err(MediaTypeError::Unknown(String::new()))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<ManifestKind>(), expected, "{text}");
        }
    }

    #[test]
    fn knows_the_layers_that_may_be_absent() {
        for (media_type, expected) in [
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", true),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", true),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true),
            ("application/vnd.oci.image.layer.v1.tar+gzip", false),
            ("", false),
        ] {
            assert_eq!(is_nondistributable(media_type), expected, "{media_type}");
        }
    }
}
