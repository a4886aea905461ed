//! Repositories. The first upload or mount into a repository creates it.

use std::time::SystemTime;

use tokio_postgres::{Error, Row};

use crate::oci::RepositoryName;
use crate::rights::Grantee;
use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::row::{cursor, parsed, unsigned};
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// Most repositories whose contents one statement counts.
const SUMMED_AT_ONCE: i64 = 100;

/// The repositories of this registry.
#[derive(Clone, Copy, Debug)]
pub struct Repositories<'s>(pub(crate) &'s Database);

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
}

/// Finds or creates a repository, and returns its id.
pub(crate) async fn ensure(
    connection: &Connection,
    repository: &str,
) -> Result<Option<Row>, Error> {
    connection.row(Query::RepositoryEnsure, &[&repository]).await
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
