//! Accounts: users, and robots of one namespace.
//!
//! An account's `revision` is renewed with everything that must end what was handed out before; see
//! `sql/migrations/0003_access.sql`.

use std::fmt;
use std::time::{Duration, SystemTime};

use tokio_postgres::Row;

use crate::store::db::retry::{bounded, retrying};
use crate::store::db::statements::Query;
use crate::store::{Store, StoreError};

/// Somebody who can log in. `Debug` does not show the hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its row.
    pub id: i64,
    /// The state of its credentials; never the same for two states or two accounts.
    pub revision: i64,
    /// The name to log in with.
    pub name: String,
    /// The namespace that a robot belongs to; `None` for a user.
    pub namespace: Option<String>,
    /// Of a user the argon2id hash in PHC form, of a robot the SHA-256 of its secret in hex.
    pub secret_hash: String,
    /// Whether it may log in: not disabled, and not expired by the database's clock.
    pub usable: bool,
    /// Whether it was disabled.
    pub disabled: bool,
    /// When it stops to be usable.
    pub expires_at: Option<SystemTime>,
    /// When it was made.
    pub created_at: SystemTime,
}

impl Account {
    /// Whether it belongs to a namespace rather than to a person.
    pub fn is_robot(&self) -> bool {
        self.namespace.is_some()
    }

    /// The account in a row that has all its columns.
    pub(crate) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            revision: row.try_get("revision")?,
            name: row.try_get("name")?,
            namespace: row.try_get("namespace")?,
            secret_hash: row.try_get("secret_hash")?,
            usable: row.try_get("usable")?,
            disabled: row.try_get("disabled")?,
            expires_at: row.try_get("expires_at")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("usable", &self.usable)
            .field("disabled", &self.disabled)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Finds an account by its name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        // No name holds a NUL, and PostgreSQL takes none.
        if name.contains('\0') {
            return Ok(None);
        }
        let row = bounded(self.reads().row(Query::AccountByName, [&name])).await?;
        row.as_ref().map(Account::of).transpose()
    }

    /// Finds the account whose credentials are in this state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_of_revision(&self, revision: i64) -> Result<Option<Account>, StoreError> {
        let row = bounded(self.reads().row(Query::AccountByRevision, [&revision])).await?;
        row.as_ref().map(Account::of).transpose()
    }

    /// All accounts by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = bounded(self.pool().rows(Query::AccountList, [])).await?;
        rows.iter().map(Account::of).collect()
    }

    /// Makes a user without any right. Answers whether the name was free.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_user(&self, name: &str, secret_hash: &str) -> Result<bool, StoreError> {
        self.add_account(name, None, secret_hash, None).await
    }

    /// Makes a robot of `namespace` without any right, that expires after `life`. Answers whether the name was free.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_robot(
        &self,
        name: &str,
        namespace: &str,
        secret_hash: &str,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.add_account(name, Some(namespace), secret_hash, life).await
    }

    async fn add_account(
        &self,
        name: &str,
        namespace: Option<&str>,
        secret_hash: &str,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let life = life.map(|life| life.as_secs_f64());
        let add = self.pool().count(Query::AccountAdd, [&name, &namespace, &secret_hash, &life]);
        Ok(bounded(add).await? > 0)
    }

    /// Makes a user who may do everything, if there is no user at all. Of several callers at once, on whatever
    /// instances, one is answered that it did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_first_admin(&self, name: &str, secret_hash: &str) -> Result<bool, StoreError> {
        retrying(|| async {
            let lease = self.pool().lease().await?;
            let (begun, locked, added, committed) = tokio::join!(
                biased;
                lease.begin(),
                lease.row(Query::AccountLockFirst, []),
                lease.count(Query::AccountAddFirstAdmin, [&name, &secret_hash]),
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

    /// Gives an account a new secret, that expires after `life`; the old one and all that came of it end. Answers whether
    /// there is such an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew_secret(
        &self,
        name: &str,
        secret_hash: &str,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let life = life.map(|life| life.as_secs_f64());
        let renew = self.pool().count(Query::AccountRenewSecret, [&name, &secret_hash, &life]);
        Ok(bounded(renew).await? > 0)
    }

    /// Ends whatever was handed out to an account; its secret stays. Answers whether there is such an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew_revision(&self, name: &str) -> Result<bool, StoreError> {
        Ok(bounded(self.pool().count(Query::AccountRenewRevision, [&name])).await? > 0)
    }

    /// Keeps an account from logging in, or lets it again. Tokens of before end either way. Answers whether there is
    /// such an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> Result<bool, StoreError> {
        Ok(bounded(self.pool().count(Query::AccountDisable, [&name, &disabled])).await? > 0)
    }

    /// Removes an account with its grants and refresh tokens. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_account(&self, name: &str) -> Result<bool, StoreError> {
        Ok(bounded(self.pool().count(Query::AccountRemove, [&name])).await? > 0)
    }
}
