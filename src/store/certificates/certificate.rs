//! Certificates that all instances share, and the right to order one.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// All certificates that were ordered.
#[derive(Clone, Copy, Debug)]
pub struct Certificates<'s>(pub(crate) &'s Database);

/// The key of a certificate in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    /// Address of the ACME directory that issues it.
    pub directory: String,
    /// Host names of the certificate, sorted, separated by commas.
    pub names: String,
}

/// The row of a [`CertificateName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    /// The certificate; `None` before the first is issued.
    pub issued: Option<IssuedCertificate>,
    /// Whether no instance is ordering and the pause after the last order is over.
    pub free: bool,
    /// Whether it is time to order.
    pub due: bool,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Certificate chain in PEM form.
    pub chain: String,
    /// Private key in PEM form, sealed.
    pub sealed: Vec<u8>,
    /// Time of storage, which distinguishes it from the certificate before.
    pub issued_at: SystemTime,
}

impl Certificates<'_> {
    /// The certificate under this name and the state of its order; `None` when nothing was ever ordered.
    pub async fn get(self, of: &CertificateName) -> Result<Option<StoredCertificate>, StoreError> {
        let row = self.0.read(Query::CertificateGet, [&of.directory, &of.names]).await?;
        let Some(row) = row else { return Ok(None) };
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

    /// Claims the right to order for the time `lease`, if it is free and an order is due. With `useless` an order is due
    /// because the stored certificate cannot be used. Returns whether the caller has the right; of several instances one
    /// gets it.
    pub async fn claim(
        self,
        of: &CertificateName,
        who: Uuid,
        lease: Duration,
        useless: bool,
    ) -> Result<bool, StoreError> {
        let lease = lease.as_secs_f64();
        let params = [&of.directory as _, &of.names as _, &who as _, &lease as _, &useless as _];
        Ok(self.0.count(Query::CertificateClaim, params).await? > 0)
    }

    /// Ends the pause after the last order. Changes nothing while an instance orders.
    pub async fn end_pause(self, of: &CertificateName) -> Result<(), StoreError> {
        self.0.count(Query::CertificateEndPause, [&of.directory, &of.names]).await.map(drop)
    }

    /// Stores a certificate that is to be renewed after the time `renew_in`, and releases the right to order. Returns
    /// `false`, and stores nothing, when another instance has the right by now.
    pub async fn put(
        self,
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
        Ok(self.0.count(Query::CertificatePut, params).await? > 0)
    }

    /// Removes certificates that no instance has renewed or tried to order for `age`. Returns their number.
    pub async fn forget(self, age: Duration) -> Result<u64, StoreError> {
        self.0.count(Query::CertificateForget, [&age.as_secs_f64()]).await
    }

    /// Releases the right to order. With a `pause`, no order was made, and the right can be claimed again after it.
    /// Without one, the right can be claimed again after the pause of a failed order.
    pub async fn release(
        self,
        of: &CertificateName,
        who: Uuid,
        pause: Option<Duration>,
    ) -> Result<(), StoreError> {
        let pause = pause.map(|pause| pause.as_secs_f64());
        let params = [&of.directory as _, &of.names as _, &who as _, &pause as _];
        self.0.count(Query::CertificateRelease, params).await.map(drop)
    }
}
