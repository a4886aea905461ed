//! Certificates that are ordered, one for all instances: what there is, who may order, and what proves a name meanwhile.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::store::db::retry::bounded;
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// What a certificate is filed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    /// Address of the directory that issues it.
    pub directory: String,
    /// Its names, sorted, separated by commas.
    pub names: String,
}

/// What is stored under a [`CertificateName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    /// The certificate; `None` before the first.
    pub issued: Option<IssuedCertificate>,
    /// Whether nobody orders, and the pause after the last order is over.
    pub free: bool,
    /// Whether it is time to order.
    pub due: bool,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// The chain in PEM form.
    pub chain: String,
    /// The private key in PEM form, sealed.
    pub sealed: Vec<u8>,
    /// When it was stored: what tells it from the one before.
    pub issued_at: SystemTime,
}

impl Store {
    /// What there is under this name; `None` when nothing was ever ordered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn certificate(
        &self,
        of: &CertificateName,
    ) -> Result<Option<StoredCertificate>, StoreError> {
        let params = [&of.directory as _, &of.names as _];
        let Some(row) = bounded(self.reads().row(Query::CertificateGet, params)).await? else {
            return Ok(None);
        };
        let chain: Option<String> = row.try_get("chain")?;
        let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
        let issued_at: Option<SystemTime> = row.try_get("issued_at")?;
        let issued = chain
            .zip(sealed)
            .zip(issued_at)
            .map(|((chain, sealed), issued_at)| IssuedCertificate { chain, sealed, issued_at });
        let (free, due) = (row.try_get("free")?, row.try_get("due")?);
        Ok(Some(StoredCertificate { issued, free, due }))
    }

    /// Takes the right to order for a while, if it is time to, or `useless` says that what is stored is of no use.
    /// Of several instances one is told that it may.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_certificate(
        &self,
        of: &CertificateName,
        who: Uuid,
        lease: Duration,
        useless: bool,
    ) -> Result<bool, StoreError> {
        let lease = lease.as_secs_f64();
        let params = [&of.directory as _, &of.names as _, &who as _, &lease as _, &useless as _];
        Ok(bounded(self.pool().count(Query::CertificateClaim, params)).await? > 0)
    }

    /// Stores what was ordered, to be renewed after a while. `false` when the right to order had gone to another.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_certificate(
        &self,
        of: &CertificateName,
        who: Uuid,
        chain: &str,
        sealed: &[u8],
        renew_in: Duration,
    ) -> Result<bool, StoreError> {
        let renew_in = renew_in.as_secs_f64();
        let params = [
            &of.directory as _,
            &of.names as _,
            &who as _,
            &chain as _,
            &sealed as _,
            &renew_in as _,
        ];
        Ok(bounded(self.pool().count(Query::CertificatePut, params)).await? > 0)
    }

    /// Gives the right to order back. After `pause` it may be taken again when no order was made; without one the pause
    /// is that of a failed order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_certificate(
        &self,
        of: &CertificateName,
        who: Uuid,
        pause: Option<Duration>,
    ) -> Result<(), StoreError> {
        let pause = pause.map(|pause| pause.as_secs_f64());
        let params = [&of.directory as _, &of.names as _, &who as _, &pause as _];
        bounded(self.pool().count(Query::CertificateRelease, params)).await?;
        Ok(())
    }

    /// The sealed account at a directory.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acme_account(&self, directory: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = bounded(self.reads().row(Query::AcmeAccountGet, [&directory])).await?;
        Ok(row.map(|row| row.try_get("sealed")).transpose()?)
    }

    /// Replaces it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_acme_account(&self, directory: &str, sealed: &[u8]) -> Result<(), StoreError> {
        bounded(self.pool().count(Query::AcmeAccountPut, [&directory, &sealed])).await?;
        Ok(())
    }

    /// The digest that proves `name` now, if a validation is under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn challenge(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = bounded(self.reads().row(Query::ChallengeGet, [&name])).await?;
        Ok(row.map(|row| row.try_get("digest")).transpose()?)
    }

    /// Lets every instance prove `name` by `digest` for an hour.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_challenge(&self, name: &str, digest: &[u8]) -> Result<(), StoreError> {
        bounded(self.pool().count(Query::ChallengePut, [&name, &digest])).await?;
        Ok(())
    }

    /// Ends that for these names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_challenges(&self, names: &[String]) -> Result<(), StoreError> {
        bounded(self.pool().count(Query::ChallengeRemove, [&names])).await?;
        Ok(())
    }
}
