//! The metadata in PostgreSQL: which repository holds which manifest, blob and tag, which uploads are under way, and
//! which pins in Kubo nobody needs any more.
//!
//! `tokio_postgres` is named here only. A statement is a file `sql/queries/<noun>/<verb>.sql`; the functions that send
//! it stand in the file of its noun. Point reads share two pipelined connections (`reads`), everything else borrows
//! one of a pool (`pool`). Each function answers within [`CALL`] or fails with [`StoreError::Unavailable`]; a
//! connection whose call did not come to its end is never used again.

mod accounts;
mod certificates;
mod content;
mod db;
mod error;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

pub use accounts::account::Account;
pub use accounts::grant::{Grant, Granted};
pub use accounts::refresh_token::RefreshToken;
pub use accounts::signing_key::SigningKey;
pub use certificates::certificate::{CertificateName, IssuedCertificate, StoredCertificate};
pub use content::blob::{LinkedBlob, MountSource, Unlink};
pub use content::manifest::{ManifestHead, NewManifest, Put, StoredManifest};
pub use content::referrer::{Referrer, Referrers};
pub use content::repository::RepositorySummary;
pub use db::settings::Settings;
pub use db::tls::Tls;
pub use error::StoreError;
pub use uploads::pin::{Claim, Commit, Committed, Recorded};
pub use uploads::unpin::UnpinClaim;
pub use uploads::upload::{Part, Upload};

use db::pool::Pool;
use db::reads::Reads;
use db::retry::bounded;
use db::statements::Query;

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
        db::migrate::run(settings).await?;
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
        db::migrate::run(settings).await
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
