//! Brings back what was removed from a repository, until its content is gone.

use std::time::Duration;

use crate::oci::{Digest, Manifest, Reference, RepositoryName};
use crate::registry::RegistryError;
use crate::registry::manifest::{Pushed, described};
use crate::store::{Deletion, Put, Store};

/// What was brought back into a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Restored {
    pub repository: RepositoryName,
    /// Whether it is a manifest, and not a blob.
    pub manifest: bool,
    /// Tags that point to it again.
    pub tags: Vec<String>,
    /// Tags that it had and that exist by now, so they stay where they point to.
    pub kept_tags: Vec<String>,
    /// What it names and the repository does not hold. Then nothing was brought back.
    pub missing: Vec<String>,
}

/// Brings a digest back into the repositories that it was removed from within `window`, or into one of them: a blob's link,
/// or a manifest with what it names and with those of its tags that do not exist by now. Empty when there is nothing to
/// bring back.
///
/// # Errors
/// [`RegistryError::Store`] only, for what this registry has accepted once.
pub async fn undelete(
    store: &Store,
    digest: &Digest,
    only: Option<&RepositoryName>,
    window: Duration,
    allow_sparse: bool,
) -> Result<Vec<Restored>, RegistryError> {
    let mut restored = Vec::new();
    for deletion in store.deletions().list(digest, window).await? {
        if only.is_some_and(|only| *only != deletion.repository) {
            continue;
        }
        let back = if deletion.manifest {
            // Boxed, because a stored manifest is a large future.
            Box::pin(manifest(store, digest, &deletion, allow_sparse)).await?
        } else {
            blob(store, digest, &deletion).await?
        };
        if let Some(back) = back {
            if back.missing.is_empty() {
                store.deletions().remove(&back.repository, digest).await?;
            }
            restored.push(back);
        }
    }
    Ok(restored)
}

async fn blob(
    store: &Store,
    digest: &Digest,
    deletion: &Deletion,
) -> Result<Option<Restored>, RegistryError> {
    let linked =
        store.deletions().relink(&deletion.repository, std::slice::from_ref(digest)).await?;
    Ok((linked > 0).then(|| Restored::of(deletion)))
}

/// Stores the manifest as a push does, which checks what it names.
async fn manifest(
    store: &Store,
    digest: &Digest,
    deletion: &Deletion,
    allow_sparse: bool,
) -> Result<Option<Restored>, RegistryError> {
    let Some(raw) = store.deletions().content(digest).await? else { return Ok(None) };
    let parsed = Manifest::parse(&raw, deletion.content_type.as_deref())?;
    let pushed = Pushed {
        repository: deletion.repository.clone(),
        reference: Reference::Digest(digest.clone()),
        tags: Vec::new(),
        content_type: deletion.content_type.clone(),
        raw,
    };
    let mut new = described(pushed, &parsed, digest, allow_sparse)?;
    // An index may have outlived its children.
    new.allow_sparse = true;
    let named: Vec<Digest> =
        [&new.blobs, &new.loose_blobs, &new.children].into_iter().flatten().cloned().collect();
    store.deletions().relink(&new.repository, &named).await?;
    let mut restored = Restored::of(deletion);
    match store.manifests().put(&new).await? {
        Put::Missing(missing) => {
            restored.missing = missing.iter().map(Digest::to_string).collect();
        }
        Put::Done => {
            restored.tags = store.deletions().retag(deletion, digest).await?;
            let kept = deletion.tags.iter().filter(|tag| !restored.tags.contains(tag));
            restored.kept_tags = kept.cloned().collect();
        }
    }
    Ok(Some(restored))
}

impl Restored {
    fn of(deletion: &Deletion) -> Self {
        Self {
            repository: deletion.repository.clone(),
            manifest: deletion.manifest,
            tags: Vec::new(),
            kept_tags: Vec::new(),
            missing: Vec::new(),
        }
    }
}
