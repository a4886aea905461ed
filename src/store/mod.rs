//! The metadata in PostgreSQL: which repository holds which manifest, blob and tag, which uploads are under way, and
//! which pins in Kubo nobody needs any more.
//!
//! `tokio_postgres` is named here only. A statement is a file `sql/queries/<noun>/<verb>.sql`; the functions that send
//! it stand in the file of its noun. Point reads share two pipelined connections (`reads`), everything else borrows
//! one of a pool (`pool`). Each function answers within [`CALL`] or fails with [`StoreError::Unavailable`]; a
//! connection whose call did not come to its end is never used again.

mod access;
mod account;
mod blob;
mod certificate;
mod claim;
mod connection;
mod error;
mod grant;
mod manifest;
mod migrate;
mod pool;
mod reads;
mod referrer;
mod refresh_token;
mod repository;
mod retry;
mod row;
mod settings;
mod signing_key;
mod statements;
mod tag;
mod tls;
mod unpin;
mod upload;

use std::sync::Arc;
use std::time::Duration;

pub use account::Account;
pub use blob::{LinkedBlob, MountSource, Unlink};
pub use certificate::{CertificateName, IssuedCertificate, StoredCertificate};
pub use claim::{Claim, Commit, Committed, Recorded};
pub use error::StoreError;
pub use grant::{Grant, Granted};
pub use manifest::{ManifestHead, NewManifest, Put, StoredManifest};
pub use referrer::{Referrer, Referrers};
pub use refresh_token::RefreshToken;
pub use repository::RepositorySummary;
pub use settings::Settings;
pub use signing_key::SigningKey;
pub use tls::Tls;
pub use unpin::UnpinClaim;
pub use upload::{Part, Upload};

use pool::Pool;
use reads::Reads;
use retry::bounded;
use statements::Query;

/// The longest that a function of this room takes.
pub const CALL: Duration = Duration::from_secs(5);

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    pool: Pool,
    reads: Reads,
}

impl Store {
    /// Brings the schema up to date and opens the connections. They reopen by themselves from then on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is no answer, [`StoreError::NewerSchema`] and the others of a migration.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        migrate::run(settings).await?;
        let store =
            Self(Arc::new(Parts { pool: Pool::new(settings), reads: Reads::new(settings) }));
        store.ping().await?;
        Ok(store)
    }

    /// Brings the schema up to date and does nothing else.
    ///
    /// # Errors
    /// As [`Store::connect`].
    pub async fn migrate(settings: &Settings) -> Result<(), StoreError> {
        migrate::run(settings).await
    }

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        bounded(self.reads().row(Query::ServerPing, [])).await?;
        Ok(())
    }

    fn pool(&self) -> &Pool {
        &self.0.pool
    }

    fn reads(&self) -> &Reads {
        &self.0.reads
    }
}
