//! The grammar of paths under `/v2`. The router parses it, and `Location` and `Link` are written with it.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::{
    Digest, DigestError, NameError, Reference, ReferenceError, RepositoryName, TagError, UploadId,
};

/// A path of the API. `Display` writes it as a request line or a `Location` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are their names")]
pub enum Path {
    /// `/v2/`, with or without the slash.
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/_oci/ext/discover`
    Extensions,
    /// `/v2/<name>/blobs/<digest>`
    Blob { repository: RepositoryName, digest: Digest },
    /// `/v2/<name>/blobs/uploads/`, with or without the last slash.
    Uploads { repository: RepositoryName },
    /// `/v2/<name>/blobs/uploads/<id>`
    Upload { repository: RepositoryName, id: UploadId },
    /// `/v2/<name>/manifests/<reference>`
    Manifest { repository: RepositoryName, reference: Reference },
    /// `/v2/<name>/tags/list`
    Tags { repository: RepositoryName },
    /// `/v2/<name>/_af/content/<digest>`, an extension of this registry.
    Content {
        /// Repository of the blob.
        repository: RepositoryName,
        /// Digest of the blob.
        digest: Digest,
    },
    /// `/v2/<name>/referrers/<digest>`
    Referrers { repository: RepositoryName, digest: Digest },
}

/// The kind of content that a digest in a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestOf {
    /// `…/blobs/<digest>`
    Blob,
    /// `…/manifests/<digest>`
    Manifest,
    /// `…/referrers/<digest>`
    Subject,
}

/// Why a path is rejected. A valid repository is part of the error, so that the caller can check permission before it
/// explains anything.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are their names")]
pub enum PathError {
    /// The path is not under `/v2`.
    #[error("not a path of the distribution API")]
    Foreign,
    /// The path is under `/v2` and matches no path of the API.
    #[error("no such path in the distribution API")]
    Unknown,
    /// The name of the repository is invalid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The digest is malformed ([`DigestError::Malformed`], [`DigestError::Encoding`]), or its algorithm is one that
    /// this registry does not compute ([`DigestError::Unsupported`]).
    #[error("{error}")]
    Digest { repository: RepositoryName, of: DigestOf, error: DigestError },
    /// The tag is malformed. To a read, such a manifest does not exist; to a write, it is the client's mistake.
    #[error("{error}")]
    Tag { repository: RepositoryName, error: TagError },
    /// The id of the upload is not one that this registry gives out.
    #[error("no such upload")]
    UploadId { repository: RepositoryName },
}

impl Path {
    /// Parses the raw path of a request, without its query.
    ///
    /// The path is matched from its end, since `manifests` and `tags/list` are valid names. Nothing is decoded or
    /// normalised: an encoded slash, `..`, `//` or `;` does not match the grammar of its segment. The one exception is
    /// `%3A` for the colon of a digest, which some HTTP libraries always encode.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        let rest = match raw.strip_prefix("/v2") {
            Some("" | "/") => return Ok(Self::Base),
            Some(rest) => rest.strip_prefix('/').ok_or(PathError::Foreign)?,
            None => return Err(PathError::Foreign),
        };
        match rest {
            "_catalog" => return Ok(Self::Catalog),
            "_oci/ext/discover" => return Ok(Self::Extensions),
            _ => {}
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags { repository: name.parse()? });
        }
        for suffix in ["/blobs/uploads", "/blobs/uploads/"] {
            if let Some(name) = rest.strip_suffix(suffix) {
                return Ok(Self::Uploads { repository: name.parse()? });
            }
        }
        let (head, last) = rest.rsplit_once('/').ok_or(PathError::Unknown)?;
        if last.is_empty() {
            return Err(PathError::Unknown);
        }
        if let Some(name) = head.strip_suffix("/blobs/uploads") {
            return Self::parse_upload(name.parse()?, last);
        }
        let (name, noun) = head.rsplit_once('/').ok_or(PathError::Unknown)?;
        match noun {
            "blobs" => {
                let (repository, digest) = parse_digest(name, last, DigestOf::Blob)?;
                Ok(Self::Blob { repository, digest })
            }
            "referrers" => {
                let (repository, digest) = parse_digest(name, last, DigestOf::Subject)?;
                Ok(Self::Referrers { repository, digest })
            }
            "manifests" => Self::parse_manifest(name.parse()?, last),
            "content" => {
                let name = name.strip_suffix("/_af").ok_or(PathError::Unknown)?;
                let (repository, digest) = parse_digest(name, last, DigestOf::Blob)?;
                Ok(Self::Content { repository, digest })
            }
            _ => Err(PathError::Unknown),
        }
    }

    fn parse_upload(repository: RepositoryName, id: &str) -> Result<Self, PathError> {
        match id.parse() {
            Ok(id) => Ok(Self::Upload { repository, id }),
            Err(_) => Err(PathError::UploadId { repository }),
        }
    }

    fn parse_manifest(repository: RepositoryName, reference: &str) -> Result<Self, PathError> {
        match decode_colon(reference).parse() {
            Ok(reference) => Ok(Self::Manifest { repository, reference }),
            Err(ReferenceError::Digest(error)) => {
                Err(PathError::Digest { repository, of: DigestOf::Manifest, error })
            }
            Err(ReferenceError::Tag(error)) => Err(PathError::Tag { repository, error }),
        }
    }

    /// The repository that the path names, if it names one.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Base | Self::Catalog | Self::Extensions => None,
            Self::Blob { repository, .. }
            | Self::Uploads { repository }
            | Self::Upload { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Tags { repository }
            | Self::Content { repository, .. }
            | Self::Referrers { repository, .. } => Some(repository),
        }
    }

    /// Path of a blob, for `Location`.
    pub fn blob(repository: &RepositoryName, digest: &Digest) -> String {
        Self::Blob { repository: repository.clone(), digest: digest.clone() }.to_string()
    }

    /// Path of an upload, for `Location`.
    pub fn upload(repository: &RepositoryName, id: UploadId) -> String {
        Self::Upload { repository: repository.clone(), id }.to_string()
    }

    /// Path of a manifest by digest, for `Location`.
    pub fn manifest(repository: &RepositoryName, digest: &Digest) -> String {
        let reference = Reference::Digest(digest.clone());
        Self::Manifest { repository: repository.clone(), reference }.to_string()
    }
}

fn parse_digest(
    name: &str,
    text: &str,
    of: DigestOf,
) -> Result<(RepositoryName, Digest), PathError> {
    let repository: RepositoryName = name.parse()?;
    match decode_colon(text).parse() {
        Ok(digest) => Ok((repository, digest)),
        Err(error) => Err(PathError::Digest { repository, of, error }),
    }
}

fn decode_colon(segment: &str) -> Cow<'_, str> {
    if segment.contains('%') {
        Cow::Owned(segment.replace("%3A", ":").replace("%3a", ":"))
    } else {
        Cow::Borrowed(segment)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("/v2/"),
            Self::Catalog => f.write_str("/v2/_catalog"),
            Self::Extensions => f.write_str("/v2/_oci/ext/discover"),
            Self::Blob { repository, digest } => write!(f, "/v2/{repository}/blobs/{digest}"),
            Self::Uploads { repository } => write!(f, "/v2/{repository}/blobs/uploads/"),
            Self::Upload { repository, id } => write!(f, "/v2/{repository}/blobs/uploads/{id}"),
            Self::Manifest { repository, reference } => {
                write!(f, "/v2/{repository}/manifests/{reference}")
            }
            Self::Tags { repository } => write!(f, "/v2/{repository}/tags/list"),
            Self::Content { repository, digest } => {
                write!(f, "/v2/{repository}/_af/content/{digest}")
            }
            Self::Referrers { repository, digest } => {
                write!(f, "/v2/{repository}/referrers/{digest}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn parses_and_prints_every_path() {
        let digest: Digest = DIGEST.parse().unwrap();
        let id: UploadId = ID.parse().unwrap();
        let tag = |tag: &str| Reference::Tag(tag.parse().unwrap());
        let cases = [
            ("/v2/".to_owned(), Path::Base),
            ("/v2/_catalog".to_owned(), Path::Catalog),
            ("/v2/_oci/ext/discover".to_owned(), Path::Extensions),
            (
                format!("/v2/a/b/blobs/{DIGEST}"),
                Path::Blob { repository: name("a/b"), digest: digest.clone() },
            ),
            ("/v2/a/blobs/uploads/".to_owned(), Path::Uploads { repository: name("a") }),
            (format!("/v2/a/blobs/uploads/{ID}"), Path::Upload { repository: name("a"), id }),
            (
                "/v2/a/manifests/latest".to_owned(),
                Path::Manifest { repository: name("a"), reference: tag("latest") },
            ),
            (
                format!("/v2/a/manifests/{DIGEST}"),
                Path::Manifest {
                    repository: name("a"),
                    reference: Reference::Digest(digest.clone()),
                },
            ),
            ("/v2/a/tags/list".to_owned(), Path::Tags { repository: name("a") }),
            (
                format!("/v2/a/referrers/{DIGEST}"),
                Path::Referrers { repository: name("a"), digest: digest.clone() },
            ),
            (
                format!("/v2/a/b/_af/content/{DIGEST}"),
                Path::Content { repository: name("a/b"), digest },
            ),
            // Names that look like nouns.
            (
                "/v2/manifests/manifests/manifests".to_owned(),
                Path::Manifest { repository: name("manifests"), reference: tag("manifests") },
            ),
            (
                "/v2/blobs/uploads/tags/list".to_owned(),
                Path::Tags { repository: name("blobs/uploads") },
            ),
            ("/v2/tags/list/tags/list".to_owned(), Path::Tags { repository: name("tags/list") }),
            (
                format!("/v2/blobs/uploads/blobs/uploads/{ID}"),
                Path::Upload { repository: name("blobs/uploads"), id },
            ),
            (
                "/v2/a/blobs/uploads/manifests/tags".to_owned(),
                Path::Manifest { repository: name("a/blobs/uploads"), reference: tag("tags") },
            ),
        ];
        for (text, path) in cases {
            assert_eq!(Path::parse(&text).as_ref(), Ok(&path), "{text}");
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn parses_tolerated_spellings() {
        assert_eq!(Path::parse("/v2"), Ok(Path::Base));
        let uploads = Path::Uploads { repository: name("a") };
        assert_eq!(Path::parse("/v2/a/blobs/uploads"), Ok(uploads));
        for colon in ["%3A", "%3a"] {
            let encoded = DIGEST.replace(':', colon);
            for noun in ["blobs", "manifests", "referrers", "_af/content"] {
                let plain = Path::parse(&format!("/v2/a/{noun}/{DIGEST}"));
                assert_eq!(Path::parse(&format!("/v2/a/{noun}/{encoded}")), plain);
                assert!(plain.is_ok());
            }
        }
    }

    #[test]
    fn distinguishes_the_mistakes() {
        let repository = name("a");
        let bad_tag = || PathError::Tag { repository: name("a"), error: TagError };
        let digest = |of, error| PathError::Digest { repository: name("a"), of, error };
        let cases = [
            ("/", PathError::Foreign),
            ("", PathError::Foreign),
            ("/v1/_ping", PathError::Foreign),
            ("/v2x/", PathError::Foreign),
            ("/v2/foo", PathError::Unknown),
            ("/v2/foo/bar/baz", PathError::Unknown),
            ("/v2/manifests/latest", PathError::Unknown),
            ("/v2/tags/list", PathError::Unknown),
            ("/v2/a/manifests/", PathError::Unknown),
            ("/v2/a/tags/list/", PathError::Unknown),
            ("/v2/a/_catalog", PathError::Unknown),
            ("/v2/a/content/x", PathError::Unknown),
            ("/v2/_af/content/x", PathError::Unknown),
            ("/v2/a/_af/content/x", digest(DigestOf::Blob, DigestError::Malformed)),
            ("/v2//manifests/x", PathError::Name(NameError::Malformed)),
            ("/v2/a//b/manifests/x", PathError::Name(NameError::Malformed)),
            ("/v2/A/tags/list", PathError::Name(NameError::Malformed)),
            ("/v2/a%2Fb/tags/list", PathError::Name(NameError::Malformed)),
            ("/v2/a/../b/blobs/uploads/", PathError::Name(NameError::Malformed)),
            ("/v2/a;x/manifests/x", PathError::Name(NameError::Malformed)),
            ("/v2/a\\b/manifests/x", PathError::Name(NameError::Malformed)),
            ("/v2/a/manifests/..", bad_tag()),
            ("/v2/a/manifests/a+b", bad_tag()),
            ("/v2/a/manifests/a%2Fb", bad_tag()),
            ("/v2/a/manifests/x;y", bad_tag()),
            ("/v2/a/blobs/x", digest(DigestOf::Blob, DigestError::Malformed)),
            ("/v2/a/blobs/sha256%2Fab", digest(DigestOf::Blob, DigestError::Malformed)),
            (
                "/v2/a/manifests/sha256:ab",
                digest(DigestOf::Manifest, DigestError::Encoding(super::super::Algorithm::Sha256)),
            ),
            (
                "/v2/a/referrers/md5:ab",
                digest(DigestOf::Subject, DigestError::Unsupported("md5".into())),
            ),
            ("/v2/a/blobs/uploads/x", PathError::UploadId { repository }),
        ];
        for (text, expected) in cases {
            assert_eq!(Path::parse(text), Err(expected), "{text}");
        }
    }
}
