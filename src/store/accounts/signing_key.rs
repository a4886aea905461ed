//! The keys that sign tokens. All instances know a key before it signs, and believe it until the last token that it
//! signed has run out.

use std::time::{Duration, SystemTime};

use crate::store::db::retry::{bounded, retrying};
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// A key whose signatures are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// What tokens call it.
    pub kid: String,
    /// RSAPublicKey in DER.
    pub public_key: Vec<u8>,
    /// The private key, sealed under the signing secret.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it begins to sign.
    pub signs_from: SystemTime,
    /// When it is believed no longer; `None` for the newest.
    pub retires_at: Option<SystemTime>,
    /// Whether it is the one that signs now, by the database's clock.
    pub signs: bool,
}

impl Store {
    /// All keys that are believed now, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let rows = bounded(self.pool().rows(Query::SigningKeyList, [])).await?;
        let key = |row: &tokio_postgres::Row| {
            Ok(SigningKey {
                kid: row.try_get("kid")?,
                public_key: row.try_get("public_key")?,
                sealed: row.try_get("sealed")?,
                created_at: row.try_get("created_at")?,
                signs_from: row.try_get("signs_from")?,
                retires_at: row.try_get("retires_at")?,
                signs: row.try_get::<_, Option<bool>>("signs")?.unwrap_or(false),
            })
        };
        rows.iter().map(key).collect()
    }

    /// Adds a key. It signs after `lead`, and `overlap` later those before it are believed no longer; the first of all
    /// signs at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_signing_key(
        &self,
        kid: &str,
        public_key: &[u8],
        sealed: &[u8],
        lead: Duration,
        overlap: Duration,
    ) -> Result<(), StoreError> {
        let (lead, overlap) = (lead.as_secs_f64(), overlap.as_secs_f64());
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let (begun, locked, added, committed) = tokio::join!(
                biased;
                lease.begin(),
                lease.row(Query::SigningKeyLock, []),
                lease.count(Query::SigningKeyAdd, [&kid, &public_key, &sealed, &lead, &overlap]),
                lease.commit(),
            );
            begun?;
            locked?;
            added?;
            committed?;
            lease.release();
            Ok(())
        })
        .await
    }

    /// Adds a key if there is none. Of several callers at once, on whatever instances, one is answered that it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_first_signing_key(
        &self,
        kid: &str,
        public_key: &[u8],
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let (begun, locked, added, committed) = tokio::join!(
                biased;
                lease.begin(),
                lease.row(Query::SigningKeyLock, []),
                lease.count(Query::SigningKeyAddFirst, [&kid, &public_key, &sealed]),
                lease.commit(),
            );
            begun?;
            locked?;
            let added = added?;
            committed?;
            lease.release();
            Ok(added > 0)
        })
        .await
    }
}
