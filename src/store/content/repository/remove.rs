//! Removing a repository, in steps that are small enough for one statement each.

use tokio_postgres::{Error, Row};

use super::repositories::Repositories;
use crate::oci::RepositoryName;
use crate::store::db::connection::Connection;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;
use crate::store::uploads::upload::discard_locked;

/// Most links that one statement removes.
const UNLINKED_AT_ONCE: i64 = 1000;

/// How often a repository is emptied into which others keep pushing.
const EMPTYINGS: u32 = 5;

impl Repositories<'_> {
    /// Removes a repository with its tags, uploads and links. The blobs and manifests themselves stay. Returns whether
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
        while self.0.retrying(unlink).await? > 0 {}
        Ok(())
    }

    async fn discard_uploads(self, repository: &str) -> Result<(), StoreError> {
        let discard = || async {
            let lease = self.0.lease().await?;
            let locked = lease.begin(lock_uploads(&lease, repository)).await?;
            discard_locked(lease, &locked).await
        };
        while self.0.retrying(discard).await? > 0 {}
        Ok(())
    }
}

async fn lock_uploads(connection: &Connection, repository: &str) -> Result<Vec<Row>, Error> {
    connection.rows(Query::RepositoryLockUploads, &[&repository, &UNLINKED_AT_ONCE]).await
}
