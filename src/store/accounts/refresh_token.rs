//! Refresh tokens: a random id, by which a token is found, and a random secret, of which only the hash is stored.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::store::accounts::account::Account;
use crate::store::db::connection::Param;
use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The refresh tokens of all accounts.
#[derive(Clone, Copy, Debug)]
pub struct RefreshTokens<'s>(pub(crate) &'s Database);

/// Most refresh tokens of one account that one program holds. Every `docker login` gets one, and hundreds of CI machines may
/// have logged in as the same robot at the same time. More come only from a program that never uses what it gets.
const MOST: i64 = 1000;

/// A new refresh token, as it is stored.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct NewRefreshToken<'a> {
    pub id: Uuid,
    pub account: &'a Account,
    pub service: &'a str,
    pub client_id: &'a str,
    pub secret_hash: &'a [u8],
    /// How long it stays valid without being used.
    pub life: Duration,
}

/// A refresh token that is valid if its bearer knows the secret. `Debug` does not print the hash.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The owner: usable, and with the credentials of the time of issue.
    pub account: Account,
    /// Service that the token was issued for.
    pub service: String,
    /// Program that the token was issued to, by its own account.
    pub client_id: String,
    /// Hash of the secret.
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

impl RefreshTokens<'_> {
    /// Stores a refresh token. Stores nothing when the account has changed since it was read, and so the token is never
    /// valid. Of the tokens that the program holds for the account, those used last stay.
    pub async fn add(self, new: NewRefreshToken<'_>) -> Result<(), StoreError> {
        let NewRefreshToken { id, account, service, client_id, secret_hash, life } = new;
        let Account { id: owner, revision, .. } = account;
        let life = life.as_secs_f64();
        let params: [Param<'_>; 8] =
            [&id, owner, revision, &service, &client_id, &secret_hash, &life, &(MOST - 1)];
        self.0.count(Query::RefreshTokenAdd, params).await.map(drop)
    }

    /// Finds a refresh token and notes its use. `None` unless it was used within `life`, is not revoked, and its account is
    /// usable and has the credentials of the time of issue.
    pub async fn redeem(
        self,
        id: Uuid,
        life: Duration,
    ) -> Result<Option<RefreshToken>, StoreError> {
        let rows = self.0.returning(Query::RefreshTokenRedeem, [&id, &life.as_secs_f64()]).await?;
        let token = |row| {
            Ok(RefreshToken {
                account: Account::from_row(row)?,
                service: row.try_get("service")?,
                client_id: row.try_get("client_id")?,
                secret_hash: row.try_get("token_hash")?,
            })
        };
        rows.first().map(token).transpose()
    }

    /// Revokes all refresh tokens of an account and returns their number.
    pub async fn revoke(self, account: &str) -> Result<u64, StoreError> {
        self.0.count(Query::RefreshTokenRevoke, [&account]).await
    }
}
