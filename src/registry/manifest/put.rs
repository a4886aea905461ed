//! Storing a manifest and moving its tags.

use bytes::Bytes;

use crate::oci::{Algorithm, Descriptor, Digest, Manifest, Reference, RepositoryName, Tag};
use crate::registry::{Manifests, RegistryError};
use crate::store::{NewManifest, Put};
use crate::stream::hashing;

/// A manifest as a client pushes it.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Repository that the manifest is pushed to.
    pub repository: RepositoryName,
    /// The tag or digest of the request's path.
    pub reference: Reference,
    /// Further tags, from the query of a push by digest.
    pub tags: Vec<Tag>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The request body, which is stored byte for byte.
    pub raw: Bytes,
}

/// What the registry answers about a manifest that it stored.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Digest in the algorithm of the reference; SHA-256 for a tag.
    pub digest: Digest,
    /// Digest of its subject, as the manifest spells it.
    pub subject: Option<String>,
    /// Length of the manifest in bytes.
    pub size: u64,
}

impl Manifests<'_> {
    /// Stores a manifest whose blobs and children this repository holds, and moves its tags, in one transaction.
    /// Runs to its end even if the caller stops waiting.
    ///
    /// # Errors
    /// [`RegistryError::ManifestInvalid`], [`RegistryError::DigestMismatch`],
    /// [`RegistryError::ReferencesUnknown`].
    pub async fn put(self, pushed: Pushed) -> Result<Accepted, RegistryError> {
        let registry = self.0.clone();
        let put = async move { registry.manifests().check_and_store(pushed).await };
        self.0.detached().run(put).await
    }

    async fn check_and_store(self, pushed: Pushed) -> Result<Accepted, RegistryError> {
        let manifest = Manifest::parse(&pushed.raw, pushed.content_type.as_deref())?;
        let digest = digest_of(&pushed)?;
        let allow_sparse = self.0.limits().allow_sparse_index;
        self.0.namespaces().admit_repository(&pushed.repository).await?;
        let subject = manifest.subject().map(|subject| subject.digest.clone());
        let size = pushed.raw.len() as u64;
        let new = described(pushed, &manifest, &digest, allow_sparse)?;
        match self.0.store().manifests().put(&new).await? {
            Put::Done => Ok(Accepted { digest, subject, size }),
            Put::Missing(missing) => {
                let missing = missing.iter().map(Digest::to_string).collect();
                Err(RegistryError::ReferencesUnknown(missing))
            }
        }
    }
}

/// The row of a manifest, with the digests that it names.
///
/// # Errors
/// [`RegistryError::ReferencesUnknown`] for digests that no repository can hold.
pub(in crate::registry) fn described(
    pushed: Pushed,
    manifest: &Manifest,
    digest: &Digest,
    allow_sparse: bool,
) -> Result<NewManifest, RegistryError> {
    let references = References::of(manifest, allow_sparse)?;
    let mut tags = pushed.tags;
    if let Reference::Tag(tag) = pushed.reference {
        tags.push(tag);
    }
    Ok(NewManifest {
        repository: pushed.repository,
        digest: digest.clone(),
        media_type: manifest.media_type().to_owned(),
        artifact_type: manifest.artifact_type().map(str::to_owned),
        subject: manifest.subject().map(|subject| subject.digest.clone()),
        annotations: manifest.annotations().cloned(),
        blobs: references.blobs,
        loose_blobs: references.loose_blobs,
        children: references.children,
        allow_sparse,
        tags,
        raw: pushed.raw,
    })
}

/// The digest of the bytes in the algorithm of the reference. Fails if the reference names another digest.
fn digest_of(pushed: &Pushed) -> Result<Digest, RegistryError> {
    let algorithm = match &pushed.reference {
        Reference::Digest(named) => named.algorithm(),
        Reference::Tag(_) => Algorithm::Sha256,
    };
    let actual = hashing::digest(algorithm, &pushed.raw);
    match &pushed.reference {
        Reference::Digest(named) if *named != actual => {
            Err(RegistryError::DigestMismatch { named: named.clone(), actual })
        }
        Reference::Digest(_) | Reference::Tag(_) => Ok(actual),
    }
}

/// The digests that a manifest names, sorted by what the repository must hold.
struct References {
    blobs: Vec<Digest>,
    loose_blobs: Vec<Digest>,
    children: Vec<Digest>,
}

impl References {
    fn of(manifest: &Manifest, allow_sparse: bool) -> Result<Self, RegistryError> {
        let mut unknown = Vec::new();
        let mut storable = |descriptors: &mut dyn Iterator<Item = &Descriptor>| -> Vec<Digest> {
            let mut digests = Vec::new();
            for descriptor in descriptors {
                match descriptor.storable_digest() {
                    Some(digest) => digests.push(digest),
                    // No repository holds content under an algorithm that the registry does not compute.
                    None => unknown.push(descriptor.digest.clone()),
                }
            }
            digests
        };
        let mut blobs = storable(&mut manifest.blobs());
        let children = storable(&mut manifest.children());
        let mut loose_blobs: Vec<_> =
            manifest.loose_blobs().filter_map(Descriptor::storable_digest).collect();
        if allow_sparse {
            // A mirror that takes a part of an index may also lack some layers of its images.
            loose_blobs.append(&mut blobs);
            unknown.clear();
        }
        if !unknown.is_empty() {
            return Err(RegistryError::ReferencesUnknown(unknown));
        }
        Ok(Self { blobs, loose_blobs, children })
    }
}
