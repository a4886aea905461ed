//! The metadata in PostgreSQL: which repository holds which manifest, blob and tag, which uploads are open, and which
//! pins in Kubo are no longer needed.
//!
//! `tokio_postgres` is named here only. Everything is reached through [`Store`], by noun and verb:
//! `store.blobs().quarantine(..)` is a method of [`Blobs`] in `content/blob.rs`, sends `sql/queries/blob/quarantine.sql`,
//! and is measured as `blob/quarantine`.
//!
//! Point reads share two pipelined connections (`db/reads`), and lookups of manifests that come together share a statement
//! (`db/rounds`). Everything else borrows a connection from a pool (`db/pool`); jobs have a small pool of their own
//! ([`Store::for_jobs`]). Each function returns within [`CALL`] or fails with [`StoreError::Unavailable`]. A connection whose
//! call did not complete is closed and never used again. All functions can fail with [`StoreError`]; the docs of a function
//! name an error only when it has a special meaning there.

mod accounts;
mod backup;
mod certificates;
mod checkup;
mod content;
mod db;
mod error;
mod figures;
mod jobs;
mod review;
mod uploads;

use std::sync::Arc;

pub use accounts::access::AccessRights;
pub use accounts::account::{Account, Accounts};
pub use accounts::grant::{Grant, Granted, Grants};
pub use accounts::recent_push::RecentPushes;
pub use accounts::refresh_token::{NewRefreshToken, Presented, RefreshTokens, UsedRefreshToken};
pub use accounts::signing_key::{SigningKey, SigningKeys};
pub use backup::catalog::BackupTable;
pub use backup::load::{LoadError, LoadTable, Loading};
pub use backup::snapshot::{CopyRows, Snapshot};
pub use certificates::acme_account::AcmeAccounts;
pub use certificates::certificate::{
    CertificateName, Certificates, IssuedCertificate, StoredCertificate,
};
pub use certificates::challenge::Challenges;
pub use checkup::{Checkup, LateJob, RowFault, ServerFacts};
pub use content::blob::{Blobs, LinkedBlob, MountSource, Unlink};
pub use content::manifest::{
    KnownManifest, ManifestHead, Manifests, NewManifest, Put, StoredManifest,
};
pub use content::referrer::{Referrer, ReferrerPage, Referrers};
pub use content::repository::{Repositories, RepositorySummary, Swept};
pub use content::scrub::{ScrubItem, ScrubPlace, ScrubSummary, Scrubs};
pub use content::tag::Tags;
pub use db::others::Others;
pub use db::retry::CALL;
pub use db::settings::Settings;
pub use db::tls::Tls;
pub use error::{Outage, StoreError};
pub use jobs::backlog::Backlog;
pub use jobs::job::{JobOutcome, JobRecord, JobRun, JobTurn, Jobs, LastRun};
pub use review::deletion::{Deletion, Deletions};
pub use review::explanation::{
    BlobHolder, BlobName, ExplainedBlob, ExplainedManifest, Explanations, ManifestHolder,
    UploadHolder,
};
pub use review::{
    Foreseen, Judged, ReviewBacklog, ReviewItem, ReviewKind, Reviewed, Reviews, TaggedFacts, Walked,
};
pub use uploads::collection::{CollectionState, Collections, Epoch, Look, PinnedBlob, PinnedPart};
pub use uploads::commit::{Commit, Committed, Stored};
pub use uploads::pin::{Claim, Pins};
pub use uploads::session::{Part, Recorded, SavedHash, Started, Upload};
pub use uploads::unpin::{Queued, QueuedCid, Unpins};
pub use uploads::upload::Uploads;

use db::database::Database;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Database>);

impl Store {
    /// Brings the schema up to date and opens the connections. Lost connections are reopened when they are needed.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`], [`StoreError::ChangedMigration`] and [`StoreError::FailedMigration`] as well.
    pub async fn connect(settings: &Settings) -> Result<Self, StoreError> {
        Self::migrate(settings).await?;
        let store = Self(Arc::new(Database::new(settings)));
        store.0.open().await?;
        Ok(store)
    }

    /// Brings the schema up to date and does nothing else.
    ///
    /// # Errors
    /// As [`Store::connect`].
    pub async fn migrate(settings: &Settings) -> Result<(), StoreError> {
        db::migrate::run(settings).await
    }

    /// The same database over a few connections of its own, for background jobs: a job does not wait while requests use all
    /// connections, and requests do not wait for jobs.
    pub fn for_jobs(&self) -> Self {
        Self(self.0.for_jobs())
    }

    /// Checks that PostgreSQL answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }
}

#[allow(missing_docs, reason = "the types describe what they give access to")]
impl Store {
    pub fn access(&self) -> AccessRights<'_> {
        AccessRights(&self.0)
    }

    pub fn accounts(&self) -> Accounts<'_> {
        Accounts(&self.0)
    }

    pub fn acme_accounts(&self) -> AcmeAccounts<'_> {
        AcmeAccounts(&self.0)
    }

    pub fn blobs(&self) -> Blobs<'_> {
        Blobs(&self.0)
    }

    pub fn certificates(&self) -> Certificates<'_> {
        Certificates(&self.0)
    }

    pub fn challenges(&self) -> Challenges<'_> {
        Challenges(&self.0)
    }

    pub fn collections(&self) -> Collections<'_> {
        Collections(&self.0)
    }

    pub fn deletions(&self) -> Deletions<'_> {
        Deletions(&self.0)
    }

    pub fn explanations(&self) -> Explanations<'_> {
        Explanations(&self.0)
    }

    pub fn grants(&self) -> Grants<'_> {
        Grants(&self.0)
    }

    pub fn jobs(&self) -> Jobs<'_> {
        Jobs(&self.0)
    }

    pub fn manifests(&self) -> Manifests<'_> {
        Manifests(&self.0)
    }

    pub fn pins(&self) -> Pins<'_> {
        Pins(&self.0)
    }

    pub fn referrers(&self) -> Referrers<'_> {
        Referrers(&self.0)
    }

    pub fn recent_pushes(&self) -> RecentPushes<'_> {
        RecentPushes(&self.0)
    }

    pub fn refresh_tokens(&self) -> RefreshTokens<'_> {
        RefreshTokens(&self.0)
    }

    pub fn repositories(&self) -> Repositories<'_> {
        Repositories(&self.0)
    }

    pub fn reviews(&self) -> Reviews<'_> {
        Reviews(&self.0)
    }

    pub fn scrubs(&self) -> Scrubs<'_> {
        Scrubs(&self.0)
    }

    pub fn signing_keys(&self) -> SigningKeys<'_> {
        SigningKeys(&self.0)
    }

    pub fn tags(&self) -> Tags<'_> {
        Tags(&self.0)
    }

    pub fn unpins(&self) -> Unpins<'_> {
        Unpins(&self.0)
    }

    pub fn uploads(&self) -> Uploads<'_> {
        Uploads(&self.0)
    }
}
