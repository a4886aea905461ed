//! Repositories. The first upload or mount into a repository creates it.

use std::time::SystemTime;

use tokio_postgres::{Error, Row};

use crate::oci::RepositoryName;
use crate::rights::Grantee;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::retry::retrying;
use crate::store::db::row::{cursor, parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::uploads::upload::discard_locked;

/// Most repositories whose contents one statement counts.
const SUMMED_AT_ONCE: i64 = 100;

/// Most links that one statement removes.
const UNLINKED_AT_ONCE: i64 = 1000;

/// How often [`Repositories::remove`] empties a repository into which others keep pushing.
const EMPTYINGS: u32 = 5;

/// All repositories.
#[derive(Clone, Copy, Debug)]
pub struct Repositories<'s>(pub(in crate::store) &'s Database);

/// A repository and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct RepositorySummary {
    pub name: RepositoryName,
    /// Whether everybody may pull.
    pub public: bool,
    /// Number of tags.
    pub tags: u64,
    /// Bytes of its blobs and manifests. Each counts once, also when other repositories hold it too.
    pub size: u64,
    pub created_at: SystemTime,
}

impl Repositories<'_> {
    /// At most `n` repositories after `last` that `grantee` may pull, in byte order. `last` need not exist.
    pub async fn page(
        self,
        grantee: Grantee,
        n: u32,
        last: Option<&str>,
    ) -> Result<Vec<String>, StoreError> {
        let (last, n, revision) = (cursor(last), i64::from(n), grantee.revision());
        let rows = self.0.rows(Query::RepositoryPage, [&last, &n, &revision]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// All repositories whose names begin with `prefix`, in byte order. It counts everything that they hold, page by
    /// page, and is meant for operators only.
    pub async fn list(self, prefix: Option<&str>) -> Result<Vec<RepositorySummary>, StoreError> {
        let prefix = prefix.unwrap_or_default();
        let mut found: Vec<RepositorySummary> = Vec::new();
        loop {
            let last = found.last().map_or("", |last| last.name.as_str());
            let params = [&last as _, &prefix as _, &SUMMED_AT_ONCE as _];
            let page = self.0.rows(Query::RepositoryList, params).await?;
            if page.is_empty() {
                return Ok(found);
            }
            for row in &page {
                found.push(summary(row)?);
            }
        }
    }

    /// Lets everybody pull from a repository, or only accounts with a grant. Creates a repository that does not exist,
    /// so that an operator can decide who sees the first push before it happens.
    pub async fn set_public(
        self,
        repository: &RepositoryName,
        public: bool,
    ) -> Result<(), StoreError> {
        let repository = repository.as_str();
        self.0.count(Query::RepositorySetPublic, [&repository, &public]).await.map(drop)
    }

    /// Removes a repository with its tags, uploads and links. The blobs and manifests themselves stay. Answers whether
    /// there was one. Works in many small steps; after an interruption, call it again to finish.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when others keep pushing into the repository.
    pub async fn remove(self, repository: &RepositoryName) -> Result<bool, StoreError> {
        let repository = repository.as_str();
        let mut emptyings = 0;
        loop {
            self.unlink_manifests(repository).await?;
            self.unlink_blobs(repository).await?;
            self.discard_uploads(repository).await?;
            match self.0.count(Query::RepositoryRemove, [&repository]).await {
                // A push has added something in between.
                Err(StoreError::Conflict(_)) if emptyings < EMPTYINGS => emptyings += 1,
                removed => return Ok(removed? > 0),
            }
        }
    }

    async fn unlink_manifests(self, repository: &str) -> Result<(), StoreError> {
        self.repeated(Query::RepositoryUnlinkManifests, repository).await
    }

    async fn unlink_blobs(self, repository: &str) -> Result<(), StoreError> {
        self.repeated(Query::RepositoryUnlinkBlobs, repository).await
    }

    /// Runs a statement that removes some links until it finds no more.
    async fn repeated(self, query: Query, repository: &str) -> Result<(), StoreError> {
        let unlink = || self.0.count(query, [&repository, &UNLINKED_AT_ONCE]);
        while retrying(unlink).await? > 0 {}
        Ok(())
    }

    async fn discard_uploads(self, repository: &str) -> Result<(), StoreError> {
        let discard = || async {
            let lease = self.0.lease().await?;
            let locked = lease.begin(lock_uploads(&lease, repository)).await?;
            discard_locked(lease, &locked).await
        };
        while retrying(discard).await? > 0 {}
        Ok(())
    }
}

/// Finds or creates a repository, and returns its id.
pub(in crate::store) async fn ensure(
    connection: &Connection,
    repository: &str,
) -> Result<Option<Row>, Error> {
    connection.row(Query::RepositoryEnsure, &[&repository]).await
}

async fn lock_uploads(connection: &Connection, repository: &str) -> Result<Vec<Row>, Error> {
    connection.rows(Query::RepositoryLockUploads, &[&repository, &UNLINKED_AT_ONCE]).await
}

fn summary(row: &Row) -> Result<RepositorySummary, StoreError> {
    Ok(RepositorySummary {
        name: parsed(row, "name")?,
        public: row.try_get("public")?,
        tags: unsigned(row, "tags")?,
        size: unsigned(row, "size")?,
        created_at: row.try_get("created_at")?,
    })
}
