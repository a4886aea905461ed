//! Repositories. One begins to be with the first upload or mount into it.

use std::time::SystemTime;

use crate::oci::RepositoryName;
use crate::rights::Grantee;
use crate::store::content::tag::cursor;
use crate::store::db::retry::{bounded, retrying};
use crate::store::db::row::{parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::uploads::upload::discard;
use crate::store::{Store, StoreError};

/// Repositories whose contents one statement counts.
const SUMMED_AT_ONCE: i64 = 100;

/// Links that one statement removes.
const UNLINKED_AT_ONCE: i64 = 1000;

/// How often a repository is emptied in which others go on pushing.
const EMPTYINGS: u32 = 5;

/// What a repository holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySummary {
    /// Its name.
    pub name: RepositoryName,
    /// Whether everybody may pull.
    pub public: bool,
    /// How many tags it has.
    pub tags: u64,
    /// Bytes of its blobs and manifests, each counted once, whether or not other repositories hold them too.
    pub size: u64,
    /// When it began to be.
    pub created_at: SystemTime,
}

impl Store {
    /// At most `n` repositories that `grantee` may pull after `last`, which need not exist, in byte order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalog(
        &self,
        grantee: Grantee,
        n: u32,
        last: Option<&str>,
    ) -> Result<Vec<String>, StoreError> {
        let (last, n, revision) = (cursor(last), i64::from(n), grantee.revision());
        let rows = bounded(self.pool().rows(Query::RepositoryPage, [&last, &n, &revision])).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// All repositories whose names begin with `prefix`, in byte order. Reads all that they hold, page by page: for
    /// operators, not for requests.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn repositories(
        &self,
        prefix: Option<&str>,
    ) -> Result<Vec<RepositorySummary>, StoreError> {
        let prefix = prefix.unwrap_or_default();
        let mut found: Vec<RepositorySummary> = Vec::new();
        loop {
            let last = found.last().map_or("", |last| last.name.as_str());
            let page = self.pool().rows(Query::RepositoryList, [&last, &prefix, &SUMMED_AT_ONCE]);
            let page = bounded(page).await?;
            for row in &page {
                found.push(RepositorySummary {
                    name: parsed(row, "name")?,
                    public: row.try_get("public")?,
                    tags: unsigned(row, "tags")?,
                    size: unsigned(row, "size")?,
                    created_at: row.try_get("created_at")?,
                });
            }
            if page.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Lets everybody pull from a repository, or only those who hold a grant. A repository that is not there begins to
    /// be, so that what is pushed first is not seen by others than are meant to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_public(
        &self,
        repository: &RepositoryName,
        public: bool,
    ) -> Result<(), StoreError> {
        let repository = repository.as_str();
        bounded(self.pool().count(Query::RepositoryPublish, [&repository, &public])).await.map(drop)
    }

    /// Removes a repository with its tags, uploads and links; the blobs and manifests themselves stay. Answers whether
    /// there was one. Takes many small steps, and a removal that was cut goes on when it is asked for again.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Conflict`] when others keep pushing into it.
    pub async fn remove_repository(&self, repository: &RepositoryName) -> Result<bool, StoreError> {
        let repository = repository.as_str();
        let mut emptyings = 0;
        loop {
            self.unlink_all(Query::RepositoryUnlinkManifests, repository).await?;
            self.unlink_all(Query::RepositoryUnlinkBlobs, repository).await?;
            self.discard_uploads(repository).await?;
            match bounded(self.pool().count(Query::RepositoryRemove, [&repository])).await {
                // Something came into it meanwhile.
                Err(StoreError::Conflict(_)) if emptyings < EMPTYINGS => emptyings += 1,
                removed => return Ok(removed? > 0),
            }
        }
    }

    async fn unlink_all(&self, query: Query, repository: &str) -> Result<(), StoreError> {
        let unlink = || self.pool().count(query, [&repository, &UNLINKED_AT_ONCE]);
        while retrying(unlink).await? > 0 {}
        Ok(())
    }

    async fn discard_uploads(&self, repository: &str) -> Result<(), StoreError> {
        let discard = || async {
            let lease = self.pool().lease().await?;
            let (begun, locked) = tokio::join!(
                biased;
                lease.begin(),
                lease.rows(Query::RepositoryLockUploads, [&repository, &UNLINKED_AT_ONCE]),
            );
            begun?;
            discard(lease, &locked?).await
        };
        while retrying(discard).await? > 0 {}
        Ok(())
    }
}
