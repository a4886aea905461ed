//! Refresh tokens: a random id, by which they are found, and a random secret, of which only the hash is kept.

use std::fmt;

use uuid::Uuid;

use crate::store::db::retry::bounded;
use crate::store::db::statements::Query;
use crate::store::{Account, Store, StoreError};

/// A refresh token that counts, if its bearer knows the secret. `Debug` does not show the hash.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Whose it is; usable, and its credentials in the state of issue.
    pub account: Account,
    /// The service that it was issued for.
    pub service: String,
    /// The program that it was issued to, by its own account.
    pub client_id: String,
    /// What its secret hashes to.
    pub secret_hash: Vec<u8>,
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("account", &self.account)
            .field("service", &self.service)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Keeps a refresh token. One of an account that has changed since it was read is not kept, and so never counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_refresh_token(
        &self,
        id: Uuid,
        account: &Account,
        service: &str,
        client_id: &str,
        secret_hash: &[u8],
    ) -> Result<(), StoreError> {
        let (owner, revision) = (account.id, account.revision);
        let add = self.pool().count(
            Query::RefreshTokenAdd,
            [&id, &owner, &revision, &service, &client_id, &secret_hash],
        );
        bounded(add).await.map(drop)
    }

    /// Finds a refresh token that is not revoked, whose account is usable and in the state of issue, and notes its use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_refresh_token(&self, id: Uuid) -> Result<Option<RefreshToken>, StoreError> {
        let rows = bounded(self.pool().rows(Query::RefreshTokenUse, [&id])).await?;
        let token = |row| {
            Ok(RefreshToken {
                account: Account::of(row)?,
                service: row.try_get("service")?,
                client_id: row.try_get("client_id")?,
                secret_hash: row.try_get("token_hash")?,
            })
        };
        rows.first().map(token).transpose()
    }

    /// Revokes all refresh tokens of an account. Answers how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_refresh_tokens(&self, account: &str) -> Result<u64, StoreError> {
        bounded(self.pool().count(Query::RefreshTokenRevoke, [&account])).await
    }
}
