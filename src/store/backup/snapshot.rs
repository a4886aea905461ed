//! All rows as they were at one moment, read while others write.

use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio_postgres::CopyOutStream;

use super::catalog::{self, BackupTable, quoted};
use crate::store::db::connection::Link;
use crate::store::db::migrate;
use crate::store::db::settings::{Purpose, Settings};
use crate::store::error::StoreError;

/// One transaction for all tables. The settings keep the text of values independent of the database's own.
const BEGIN: &str = "
    SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = 'UTC'; SET bytea_output = hex;
    SET extra_float_digits = 3; SET row_security = off; SET idle_in_transaction_session_timeout = 0;
    BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE";

/// The database at one moment. The transaction ends when this is dropped.
pub struct Snapshot {
    link: Link,
    schema: i32,
    taken_at: SystemTime,
    tables: Vec<BackupTable>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The rows of a table in PostgreSQL's text format, in pieces.
pub struct CopyRows(Pin<Box<CopyOutStream>>);

impl Snapshot {
    /// Takes the snapshot. The schema stays as it is, also if it is older than that of this program.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`], and [`StoreError::Internal`] for a database that no registry has used.
    pub async fn take(settings: &Settings) -> Result<Self, StoreError> {
        let link = Link::open(settings, Purpose::Migrate).await?;
        let client = link.client();
        client.batch_execute(BEGIN).await?;
        let taken_at = client.query_one("SELECT now()", &[]).await?.try_get(0)?;
        let schema = migrate::version(client).await?;
        if schema > migrate::newest() {
            return Err(StoreError::NewerSchema { found: schema, known: migrate::newest() });
        }
        if schema == 0 {
            let reason = "the database holds no registry: no server has used it yet";
            return Err(StoreError::Internal(reason.to_owned()));
        }
        let tables = catalog::tables(client).await?;
        Ok(Self { link, schema, taken_at, tables })
    }

    /// Version of the schema.
    pub fn schema(&self) -> i32 {
        self.schema
    }

    /// The moment, by the clock of the database.
    pub fn taken_at(&self) -> SystemTime {
        self.taken_at
    }

    /// All tables. Each comes after those that it refers to.
    pub fn tables(&self) -> &[BackupTable] {
        &self.tables
    }

    /// Reads a table. End one before the next begins.
    pub async fn rows(&self, table: &BackupTable) -> Result<CopyRows, StoreError> {
        let copy = format!("COPY {} ({}) TO STDOUT", quoted(&table.name), table.list());
        Ok(CopyRows(Box::pin(self.link.client().copy_out(&copy).await?)))
    }

    /// The last number of each sequence. It may be newer than the snapshot, so that no number is given twice.
    pub async fn sequences(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let client = self.link.client();
        let mut found = Vec::new();
        for name in catalog::sequences(client).await? {
            let last = format!("SELECT last_value, is_called FROM {}", quoted(&name));
            let row = client.query_one(&last, &[]).await?;
            if row.try_get("is_called")? {
                found.push((name, row.try_get("last_value")?));
            }
        }
        Ok(found)
    }
}

impl CopyRows {
    /// The next piece, which may end within a row. `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.next().await.transpose()?)
    }
}

impl fmt::Debug for CopyRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyRows").finish_non_exhaustive()
    }
}
