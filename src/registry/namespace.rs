//! What a namespace may hold. A namespace is the first part of a repository's name.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::RegistryError;
use crate::oci::RepositoryName;
use crate::store::Store;

/// How long a count of bytes is used, with what was pushed here since.
const COUNTED: Duration = Duration::from_secs(60);

/// Most counts that are kept. Beyond that the old ones go.
const KEPT: usize = 10_000;

/// The limits of every namespace. `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamespaceLimits {
    /// Most repositories that it may have.
    pub repositories: Option<u32>,
    /// Most bytes in its blobs. A blob counts once in each repository.
    pub bytes: Option<u64>,
}

/// Compares pushes with the limits. Without limits it asks PostgreSQL nothing.
pub(super) struct Namespaces {
    store: Store,
    limits: NamespaceLimits,
    /// Bytes by namespace, and when they were counted. Locked while they are counted: one count at a time.
    counted: Mutex<HashMap<String, (u64, Instant)>>,
}

impl Namespaces {
    pub(super) fn new(store: Store, limits: NamespaceLimits) -> Self {
        Self { store, limits, counted: Mutex::default() }
    }

    /// Refuses to begin a repository in a full namespace.
    ///
    /// # Errors
    /// [`RegistryError::NamespaceFull`].
    pub(super) async fn admit_repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<(), RegistryError> {
        let Some(most) = self.limits.repositories else { return Ok(()) };
        let namespace = namespace(repository);
        let found = self.store.repositories().count_within(repository, namespace, most).await?;
        match found {
            Some(found) if found >= u64::from(most) => Err(RegistryError::NamespaceFull(format!(
                "the namespace {namespace} has {found} repositories and may have {most} at most \
                 (OPEN_REGISTRY_LIMIT_NAMESPACE_REPOSITORIES); remove one, or push to one that exists"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses a blob of `size` bytes that does not fit, and any blob in a full namespace. An unknown size is 0.
    ///
    /// # Errors
    /// [`RegistryError::NamespaceFull`].
    pub(super) async fn admit_blob(
        &self,
        repository: &RepositoryName,
        size: u64,
    ) -> Result<(), RegistryError> {
        let Some(most) = self.limits.bytes else { return Ok(()) };
        let namespace = namespace(repository);
        let held = self.bytes(namespace).await?;
        if held.saturating_add(size.max(1)) <= most {
            return Ok(());
        }
        let more = if size > 0 { format!(", {size} more do not fit") } else { String::new() };
        Err(RegistryError::NamespaceFull(format!(
            "the namespace {namespace} holds {held} bytes and may hold {most} at most{more} \
             (OPEN_REGISTRY_LIMIT_NAMESPACE_BYTES); delete something first"
        )))
    }

    /// Adds a blob that was stored.
    pub(super) async fn added(&self, repository: &RepositoryName, size: u64) {
        if self.limits.bytes.is_some()
            && let Some((held, _)) = self.counted.lock().await.get_mut(namespace(repository))
        {
            *held = held.saturating_add(size);
        }
    }

    async fn bytes(&self, namespace: &str) -> Result<u64, RegistryError> {
        let mut counted = self.counted.lock().await;
        if let Some((held, at)) = counted.get(namespace)
            && at.elapsed() < COUNTED
        {
            return Ok(*held);
        }
        let held = self.store.repositories().measure(namespace).await?;
        if counted.len() >= KEPT {
            counted.retain(|_, (_, at)| at.elapsed() < COUNTED);
        }
        counted.insert(namespace.to_owned(), (held, Instant::now()));
        Ok(held)
    }
}

fn namespace(repository: &RepositoryName) -> &str {
    let name = repository.as_str();
    name.split('/').next().unwrap_or(name)
}
