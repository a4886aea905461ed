//! The keys that sign tokens. Every instance knows a key before it signs, and trusts it until the last token that it
//! signed has expired.

use std::time::{Duration, SystemTime};

use tokio_postgres::{Error, Row};

use crate::store::db::connection::{Connection, Param};
use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// All keys that sign tokens.
#[derive(Clone, Copy, Debug)]
pub struct SigningKeys<'s>(pub(crate) &'s Database);

/// A key whose signatures are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct SigningKey {
    /// Name of the key in tokens.
    pub kid: String,
    /// RSAPublicKey in DER.
    pub public_key: Vec<u8>,
    /// Private key, sealed under the signing secret.
    pub sealed: Vec<u8>,
    pub created_at: SystemTime,
    /// Time from which it signs.
    pub signs_from: SystemTime,
    /// Time from which its signatures are no longer trusted; `None` for the newest key.
    pub retires_at: Option<SystemTime>,
    /// Whether it is the key that signs now, by the database's clock.
    pub signs: bool,
}

impl SigningKeys<'_> {
    /// All keys that are trusted now, the newest first.
    pub async fn list(self) -> Result<Vec<SigningKey>, StoreError> {
        let rows = self.0.rows(Query::SigningKeyList, []).await?;
        let key = |row: &Row| {
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

    /// Adds a key. It signs after `lead`; the keys before it lose trust `overlap` later. The very first key signs at
    /// once.
    pub async fn add(
        self,
        kid: &str,
        public_key: &[u8],
        sealed: &[u8],
        lead: Duration,
        overlap: Duration,
    ) -> Result<(), StoreError> {
        let (lead, overlap) = (lead.as_secs_f64(), overlap.as_secs_f64());
        let params: [Param<'_>; 5] = [&kid, &public_key, &sealed, &lead, &overlap];
        let added = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            lease.transaction(lock(&lease), lease.count(Query::SigningKeyAdd, &params)).await
        });
        added.await.map(drop)
    }

    /// Adds a key if there is none. Returns whether it did. When several callers try at the same time, on any instances,
    /// exactly one succeeds.
    pub async fn add_first(
        self,
        kid: &str,
        public_key: &[u8],
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let params: [Param<'_>; 3] = [&kid, &public_key, &sealed];
        let added = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            lease.transaction(lock(&lease), lease.count(Query::SigningKeyAddFirst, &params)).await
        });
        let (_, added) = added.await?;
        Ok(added > 0)
    }

    /// Removes keys that have retired more than `age` ago. Returns their number.
    pub async fn forget(self, age: Duration) -> Result<u64, StoreError> {
        self.0.count(Query::SigningKeyForget, [&age.as_secs_f64()]).await
    }

    /// Ends the trust in a key at once. Answers whether the key was trusted.
    pub async fn revoke(self, kid: &str) -> Result<bool, StoreError> {
        let revoked = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            lease.transaction(lock(&lease), lease.row(Query::SigningKeyRevoke, &[&kid])).await
        });
        let (_, revoked) = revoked.await?;
        Ok(revoked.is_some())
    }
}

async fn lock(connection: &Connection) -> Result<Option<Row>, Error> {
    connection.row(Query::SigningKeyLock, &[]).await
}
