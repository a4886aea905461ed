//! Filling an empty database with the rows of a snapshot, in one transaction.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use thiserror::Error;
use tokio::time::sleep;
use tokio_postgres::{Client, CopyInSink};

use super::catalog::{BackupTable, ours, quoted, sequences};
use crate::store::db::connection::Link;
use crate::store::db::migrate;
use crate::store::db::settings::{Purpose, Settings};
use crate::store::error::StoreError;

const BEGIN: &str = "
    SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = 'UTC';
    SET idle_in_transaction_session_timeout = 0; BEGIN";

/// How often, and after which pause, others on the database are looked for.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Why a database does not take the rows.
#[derive(Clone, Debug, Error)]
pub enum LoadError {
    /// A table has rows already.
    #[error(
        "the database is not empty, its table {0} has rows: restore into a new database, or remove this one first"
    )]
    NotEmpty(String),
    /// The backup names a table or a sequence that no backup holds.
    #[error(
        "the backup has rows of {0}, which is no table of a registry: it was made by something else"
    )]
    Foreign(String),
    /// A server or a command uses the database.
    #[error("another af-registry uses the database: stop all servers until the backup is restored")]
    InUse,
    /// The schema is newer than that of the snapshot.
    #[error(
        "the database has schema version {found}, but the backup has version {backup}: restore into a new database without tables"
    )]
    OtherSchema {
        /// Version of the database.
        found: i32,
        /// Version of the snapshot.
        backup: i32,
    },
    /// PostgreSQL failed, or does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for LoadError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An empty database that is being filled. Nothing is kept unless [`Loading::commit`] succeeds.
pub struct Loading {
    link: Link,
    settings: Settings,
    tables: Vec<BackupTable>,
}

/// A table that is being filled.
pub struct LoadTable(Pin<Box<CopyInSink<Bytes>>>);

impl fmt::Debug for Loading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loading").field("tables", &self.tables.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for LoadTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadTable").finish_non_exhaustive()
    }
}

impl Loading {
    /// Brings an empty database to the version of the snapshot and begins the transaction. No server can write to the
    /// tables until it ends.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a snapshot of a newer program.
    pub async fn begin(
        settings: &Settings,
        schema: i32,
        tables: &[BackupTable],
    ) -> Result<Self, LoadError> {
        let known = migrate::newest();
        if schema > known {
            return Err(StoreError::NewerSchema { found: schema, known }.into());
        }
        if let Some(table) = tables.iter().find(|table| !ours().contains(&table.name.as_str())) {
            return Err(LoadError::Foreign(table.name.clone()));
        }
        let link = Link::open(settings, Purpose::Migrate).await?;
        alone(link.client()).await?;
        let found = migrate::version(link.client()).await?;
        if found < schema {
            migrate::up_to(settings, schema).await?;
        }
        let loading = Self { link, settings: settings.clone(), tables: tables.to_vec() };
        loading.link.client().batch_execute(BEGIN).await?;
        for table in tables {
            loading.lock_empty(&table.name).await?;
        }
        if found > schema {
            return Err(LoadError::OtherSchema { found, backup: schema });
        }
        for table in tables {
            // Rows of a backup are not changes: what a trigger would note stands in the backup.
            loading
                .execute(&format!("ALTER TABLE {} DISABLE TRIGGER USER", quoted(&table.name)))
                .await?;
        }
        Ok(loading)
    }

    async fn lock_empty(&self, table: &str) -> Result<(), LoadError> {
        let name = quoted(table);
        self.execute(&format!("LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")).await?;
        let any = format!("SELECT EXISTS (SELECT FROM {name})");
        if self.link.client().query_one(&any, &[]).await?.try_get(0)? {
            return Err(LoadError::NotEmpty(table.to_owned()));
        }
        Ok(())
    }

    async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.link.client().batch_execute(sql).await?)
    }

    /// Begins to fill a table. Finish one before the next begins.
    pub async fn table(&self, table: &BackupTable) -> Result<LoadTable, StoreError> {
        let copy = format!("COPY {} ({}) FROM STDIN", quoted(&table.name), table.list());
        Ok(LoadTable(Box::pin(self.link.client().copy_in(&copy).await?)))
    }

    /// Puts blobs under quarantine, since their bytes are not there.
    pub async fn quarantine(&self, digests: &[String]) -> Result<(), StoreError> {
        let update = "UPDATE blobs SET quarantined_at = now() WHERE digest = ANY ($1) AND quarantined_at IS NULL";
        self.link.client().execute(update, &[&digests]).await?;
        Ok(())
    }

    /// Lets a sequence go on after this number.
    pub async fn sequence(&self, name: &str, last: i64) -> Result<(), LoadError> {
        if !sequences(self.link.client()).await?.iter().any(|known| known == name) {
            return Err(LoadError::Foreign(name.to_owned()));
        }
        let set = format!("SELECT setval('{}', $1, TRUE)", quoted(name).replace('\'', "''"));
        self.link.client().query_one(&set, &[&last]).await?;
        Ok(())
    }

    /// Keeps everything, and brings the schema to the version of this program.
    pub async fn commit(self) -> Result<(), StoreError> {
        for table in &self.tables {
            self.execute(&format!("ALTER TABLE {} ENABLE TRIGGER USER", quoted(&table.name)))
                .await?;
        }
        self.execute("COMMIT").await?;
        migrate::up_to(&self.settings, migrate::newest()).await
    }
}

/// Fails if another connection of this program to the same database stays open. One that was closed takes a moment to go.
async fn alone(client: &Client) -> Result<(), LoadError> {
    let others = "SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = current_setting('application_name')
          AND pid <> pg_backend_pid())";
    for _ in 0..LOOKS {
        if !client.query_one(others, &[]).await?.try_get::<_, bool>(0)? {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    Err(LoadError::InUse)
}

impl LoadTable {
    /// Takes a piece of rows in PostgreSQL's text format.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), StoreError> {
        Ok(self.0.send(piece).await?)
    }

    /// Ends the table and returns how many rows it got.
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        Ok(self.0.as_mut().finish().await?)
    }
}
