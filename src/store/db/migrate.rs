//! Migrations of the schema. They go forward only. Each runs in a transaction of its own, and only one instance migrates
//! at a time.
//!
//! The previous release may still be running, so a migration must not break it: add columns and tables in one release,
//! and remove old ones in the next.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tracing::info;

use super::connection::Link;
use super::settings::{Purpose, Settings};
use crate::store::error::StoreError;

/// How long to wait while another instance migrates.
const TURN: Duration = Duration::from_secs(300);

/// The advisory lock of migrations. Its key is two integers, and the locks of CIDs have one, so the two never collide.
const LOCK: &str = "SELECT pg_advisory_lock(1634887525, 1)";

const LEDGER: &str = "CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
)";

struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "content",
        sql: include_str!("../../../sql/migrations/0001_content.sql"),
    },
    Migration {
        version: 2,
        name: "uploads",
        sql: include_str!("../../../sql/migrations/0002_uploads.sql"),
    },
    Migration {
        version: 3,
        name: "access",
        sql: include_str!("../../../sql/migrations/0003_access.sql"),
    },
    Migration {
        version: 4,
        name: "certificates",
        sql: include_str!("../../../sql/migrations/0004_certificates.sql"),
    },
    Migration {
        version: 5,
        name: "jobs",
        sql: include_str!("../../../sql/migrations/0005_jobs.sql"),
    },
    Migration {
        version: 6,
        name: "link_types",
        sql: include_str!("../../../sql/migrations/0006_link_types.sql"),
    },
    Migration {
        version: 7,
        name: "fill_link_types",
        sql: include_str!("../../../sql/migrations/0007_fill_link_types.sql"),
    },
    Migration {
        version: 8,
        name: "upload_pieces",
        sql: include_str!("../../../sql/migrations/0008_upload_pieces.sql"),
    },
    Migration {
        version: 9,
        name: "refresh_generations",
        sql: include_str!("../../../sql/migrations/0009_refresh_generations.sql"),
    },
    Migration {
        version: 10,
        name: "last_use",
        sql: include_str!("../../../sql/migrations/0010_last_use.sql"),
    },
    Migration {
        version: 11,
        name: "emptiness",
        sql: include_str!("../../../sql/migrations/0011_emptiness.sql"),
    },
    Migration {
        version: 12,
        name: "upload_hashes",
        sql: include_str!("../../../sql/migrations/0012_upload_hashes.sql"),
    },
    Migration {
        version: 13,
        name: "scrubs",
        sql: include_str!("../../../sql/migrations/0013_scrubs.sql"),
    },
    Migration {
        version: 14,
        name: "pin_claims",
        sql: include_str!("../../../sql/migrations/0014_pin_claims.sql"),
    },
    Migration {
        version: 15,
        name: "collection",
        sql: include_str!("../../../sql/migrations/0015_collection.sql"),
    },
    Migration {
        version: 16,
        name: "reviews",
        sql: include_str!("../../../sql/migrations/0016_reviews.sql"),
    },
    Migration {
        version: 17,
        name: "fill_reviews",
        sql: include_str!("../../../sql/migrations/0017_fill_reviews.sql"),
    },
    Migration {
        version: 18,
        name: "first_collection",
        sql: include_str!("../../../sql/migrations/0018_first_collection.sql"),
    },
    Migration {
        version: 19,
        name: "unfinished_collection",
        sql: include_str!("../../../sql/migrations/0019_unfinished_collection.sql"),
    },
];

/// Version of the newest migration of this program.
pub(crate) fn newest() -> i32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The names of all objects of this kind, such as `TABLE`, that the migrations create.
pub(crate) fn created(kind: &str) -> Vec<&'static str> {
    let create = format!("CREATE {kind} ");
    let lines = MIGRATIONS.iter().flat_map(|migration| migration.sql.lines());
    let names = lines.filter_map(|line| line.strip_prefix(create.as_str()));
    names.filter_map(|rest| rest.split([' ', '(', ';']).next()).collect()
}

/// Version of the newest migration that the database has; 0 for one without a schema.
pub(crate) async fn version(client: &Client) -> Result<i32, StoreError> {
    if !has_ledger(client).await? {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM schema_migrations";
    Ok(client.query_one(newest, &[]).await?.try_get(0)?)
}

/// Applies the migrations that are missing. The lock ends with the connection.
pub(crate) async fn run(settings: &Settings) -> Result<(), StoreError> {
    up_to(settings, newest()).await
}

/// As [`run`], but applies none after version `last`.
pub(crate) async fn up_to(settings: &Settings, last: i32) -> Result<(), StoreError> {
    let mut link = Link::open(settings, Purpose::Migrate).await?;
    timeout(TURN, link.client().batch_execute(LOCK))
        .await
        .map_err(|_| StoreError::timed_out("the migration of another instance"))??;
    let applied = ledger(link.client()).await?;
    let known = newest();
    if let Some((found, _)) = applied.last().filter(|(version, _)| *version > known) {
        return Err(StoreError::NewerSchema { found: *found, known });
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.version <= last) {
        let checksum = checksum(link.client(), migration.sql).await?;
        match applied.iter().find(|(version, _)| *version == migration.version) {
            Some((_, found)) if *found == checksum => {}
            Some(_) => {
                let Migration { version, name, .. } = *migration;
                return Err(StoreError::ChangedMigration { version, name });
            }
            None => apply(link.client_mut(), migration, &checksum).await?,
        }
    }
    Ok(())
}

/// Version and checksum of each applied migration, in order. Creates the table only if it is missing, so that a role
/// without the right to create tables can still serve.
async fn ledger(client: &Client) -> Result<Vec<(i32, String)>, StoreError> {
    if !has_ledger(client).await? {
        client.batch_execute(LEDGER).await?;
    }
    let rows = client
        .query("SELECT version, checksum FROM schema_migrations ORDER BY version", &[])
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn has_ledger(client: &Client) -> Result<bool, StoreError> {
    let exists = "SELECT to_regclass('schema_migrations') IS NOT NULL";
    Ok(client.query_one(exists, &[]).await?.try_get(0)?)
}

async fn checksum(client: &Client, sql: &str) -> Result<String, StoreError> {
    let sha256 = "SELECT encode(sha256($1::BYTEA), 'hex')";
    Ok(client.query_one(sha256, &[&sql.as_bytes()]).await?.try_get(0)?)
}

async fn apply(
    client: &mut Client,
    migration: &Migration,
    checksum: &str,
) -> Result<(), StoreError> {
    let Migration { version, name, sql } = *migration;
    let apply = async {
        let transaction = client.transaction().await?;
        // A statement that waits for a table lock blocks all later statements on the table.
        transaction.batch_execute("SET LOCAL lock_timeout = '5s'").await?;
        transaction.batch_execute(sql).await?;
        let record = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)";
        transaction.execute(record, &[&version, &name, &checksum]).await?;
        transaction.commit().await
    };
    match apply.await.map_err(StoreError::from) {
        Ok(()) => {
            info!(event = "schema_migrated", version, name);
            Ok(())
        }
        Err(unavailable @ StoreError::Unavailable(_)) => Err(unavailable),
        Err(error) => {
            let reason = error.to_string();
            Err(StoreError::FailedMigration { version, name, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_migration() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/migrations");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let known: Vec<_> =
            MIGRATIONS.iter().map(|m| format!("{:04}_{}.sql", m.version, m.name)).collect();
        assert_eq!(known, files);
        assert!(MIGRATIONS.iter().map(|m| m.version).eq(1..=known.len() as i32));
    }
}
