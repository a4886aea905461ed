//! Refresh tokens: families of tokens that follow each other. A family is found by a random id, and its first token has a
//! random secret, of which only the hash is stored.

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
    /// Most refresh tokens of the account that the program may have; the ones used last stay.
    pub most: u32,
}

/// A refresh token as somebody presents it.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Presented<'a> {
    /// Its family: the id of the first token.
    pub id: Uuid,
    /// Its number in the family. Only the first, 0, is compared with `secret_hash` here.
    pub generation: i64,
    pub secret_hash: &'a [u8],
    pub service: &'a str,
    /// How long it stays valid without being used.
    pub life: Duration,
    /// How long the generation before the newest stays valid.
    pub overlap: Duration,
}

/// A refresh token that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedRefreshToken {
    /// The owner: usable, and with the credentials of the time of issue.
    pub account: Account,
    /// Program that the token was issued to, by its own account.
    pub client_id: String,
    /// Whether the token was older than it may be. This use has ended the family, and counts for nothing.
    pub ended: bool,
}

/// Most tokens that one call of [`RefreshTokens::forget`] removes.
const FORGOTTEN_AT_ONCE: i64 = 1000;

impl RefreshTokens<'_> {
    /// Removes tokens that nobody has used for `life`, at most a thousand in one call. Returns their number.
    pub async fn forget(self, life: Duration) -> Result<u64, StoreError> {
        let params = [&life.as_secs_f64() as _, &FORGOTTEN_AT_ONCE as _];
        self.0.count(Query::RefreshTokenForget, params).await
    }

    /// Stores a refresh token. Stores nothing when the account has changed since it was read, and so the token is never
    /// valid. Of the tokens that the program holds for the account, those used last stay.
    pub async fn add(self, new: NewRefreshToken<'_>) -> Result<(), StoreError> {
        let NewRefreshToken { id, account, service, client_id, secret_hash, life, most } = new;
        let Account { id: owner, revision, .. } = account;
        let (life, others) = (life.as_secs_f64(), i64::from(most) - 1);
        let params: [Param<'_>; 8] =
            [&id, owner, revision, &service, &client_id, &secret_hash, &life, &others];
        self.0.count(Query::RefreshTokenAdd, params).await.map(drop)
    }

    /// Uses a refresh token. `None` unless its family was used within `life`, is not revoked, and its account is usable and
    /// has the credentials of the time of issue. A token older than the one before the newest ends the family.
    pub async fn redeem(
        self,
        presented: Presented<'_>,
    ) -> Result<Option<UsedRefreshToken>, StoreError> {
        let Presented { id, generation, secret_hash, service, life, overlap } = presented;
        let (life, overlap) = (life.as_secs_f64(), overlap.as_secs_f64());
        let params: [Param<'_>; 6] = [&id, &life, &generation, &overlap, &service, &secret_hash];
        let rows = self.0.returning(Query::RefreshTokenRedeem, params).await?;
        let token = |row| {
            Ok(UsedRefreshToken {
                account: Account::from_row(row)?,
                client_id: row.try_get("client_id")?,
                ended: row.try_get("ended")?,
            })
        };
        rows.first().map(token).transpose()
    }

    /// Revokes all refresh tokens of an account and returns their number.
    pub async fn revoke(self, account: &str) -> Result<u64, StoreError> {
        self.0.count(Query::RefreshTokenRevoke, [&account]).await
    }
}
