//! Accounts: users, and robots of one namespace.
//!
//! An account's `revision` is renewed by every change that must end the tokens issued before; see
//! `sql/migrations/0003_access.sql`.

use std::fmt;
use std::time::{Duration, SystemTime};

use tokio_postgres::{Error, Row};

use crate::store::db::connection::Connection;
use crate::store::db::database::Database;
use crate::store::db::statements::Query;
use crate::store::error::StoreError;

/// The accounts of users and robots.
#[derive(Clone, Copy, Debug)]
pub struct Accounts<'s>(pub(crate) &'s Database);

/// A user or a robot. `Debug` does not print the hash.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Account {
    /// Key of its row.
    pub id: i64,
    /// State of its credentials. No two states, of any two accounts, have the same number.
    pub revision: i64,
    /// Name to log in with.
    pub name: String,
    /// Namespace that a robot belongs to; `None` for a user.
    pub namespace: Option<String>,
    /// For a user the argon2id hash in PHC form, for a robot the SHA-256 of its secret in hex.
    pub secret_hash: String,
    /// Whether it may log in: not disabled, and not expired by the database's clock.
    pub usable: bool,
    pub disabled: bool,
    pub expires_at: Option<SystemTime>,
    pub created_at: SystemTime,
    /// When it was used last, to the hour; `None` if it never was.
    pub last_used_at: Option<SystemTime>,
}

impl Account {
    /// Whether it belongs to a namespace instead of a person.
    pub fn is_robot(&self) -> bool {
        self.namespace.is_some()
    }

    /// Reads a row that has all columns of an account.
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
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
            last_used_at: row.try_get("last_used_at")?,
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

impl Accounts<'_> {
    /// Finds an account by its name.
    pub async fn get(self, name: &str) -> Result<Option<Account>, StoreError> {
        // PostgreSQL takes no NUL, and no name holds one.
        if name.contains('\0') {
            return Ok(None);
        }
        let row = self.0.read(Query::AccountGet, [&name]).await?;
        row.as_ref().map(Account::from_row).transpose()
    }

    /// Finds the account whose credentials are in the state `revision`.
    pub async fn get_by_revision(self, revision: i64) -> Result<Option<Account>, StoreError> {
        let row = self.0.read(Query::AccountGetByRevision, [&revision]).await?;
        row.as_ref().map(Account::from_row).transpose()
    }

    /// All accounts, sorted by name.
    pub async fn list(self) -> Result<Vec<Account>, StoreError> {
        let rows = self.0.rows(Query::AccountList, []).await?;
        rows.iter().map(Account::from_row).collect()
    }

    /// Creates a user without any right. Returns whether the name was free.
    pub async fn add_user(self, name: &str, secret_hash: &str) -> Result<bool, StoreError> {
        self.add(name, None, secret_hash, None).await
    }

    /// Creates a robot of `namespace` without any right. It expires after `life`. Returns whether the name was free.
    pub async fn add_robot(
        self,
        name: &str,
        namespace: &str,
        secret_hash: &str,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        self.add(name, Some(namespace), secret_hash, life).await
    }

    async fn add(
        self,
        name: &str,
        namespace: Option<&str>,
        secret_hash: &str,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let life = life.map(|life| life.as_secs_f64());
        let params = [&name as _, &namespace as _, &secret_hash as _, &life as _];
        Ok(self.0.count(Query::AccountAdd, params).await? > 0)
    }

    /// Creates a user with every right if there is no user yet. Returns whether it did. When several callers try at the
    /// same time, on any instances, exactly one succeeds.
    pub async fn add_first_admin(self, name: &str, secret_hash: &str) -> Result<bool, StoreError> {
        let added = self.0.retrying(|| async {
            let lease = self.0.lease().await?;
            lease.transaction(lock_first(&lease), add_first_admin(&lease, name, secret_hash)).await
        });
        let (_, added) = added.await?;
        Ok(added > 0)
    }

    /// Gives an account a new secret that expires after `life`. The old secret and every token issued for it end.
    /// Returns whether there is such an account.
    pub async fn renew_secret(
        self,
        name: &str,
        secret_hash: &str,
        life: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let life = life.map(|life| life.as_secs_f64());
        let params = [&name as _, &secret_hash as _, &life as _];
        Ok(self.0.count(Query::AccountRenewSecret, params).await? > 0)
    }

    /// Ends every token that was issued to an account. Its secret stays. Returns whether there is such an account.
    pub async fn renew_revision(self, name: &str) -> Result<bool, StoreError> {
        Ok(self.0.count(Query::AccountRenewRevision, [&name]).await? > 0)
    }

    /// Disables or enables an account. Tokens issued before end in either case. Returns whether there is such an
    /// account.
    pub async fn set_disabled(self, name: &str, disabled: bool) -> Result<bool, StoreError> {
        Ok(self.0.count(Query::AccountSetDisabled, [&name, &disabled]).await? > 0)
    }

    /// Notes that an account was used, unless that was noted less than `precision` ago. Returns whether it did.
    pub async fn note_use(self, id: i64, precision: Duration) -> Result<bool, StoreError> {
        Ok(self.0.count(Query::AccountNoteUse, [&id, &precision.as_secs_f64()]).await? > 0)
    }

    /// Removes an account with its grants and refresh tokens. Returns whether there was one.
    pub async fn remove(self, name: &str) -> Result<bool, StoreError> {
        Ok(self.0.count(Query::AccountRemove, [&name]).await? > 0)
    }
}

async fn lock_first(connection: &Connection) -> Result<Option<Row>, Error> {
    connection.row(Query::AccountLockFirst, &[]).await
}

async fn add_first_admin(
    connection: &Connection,
    name: &str,
    secret_hash: &str,
) -> Result<u64, Error> {
    connection.count(Query::AccountAddFirstAdmin, &[&name, &secret_hash]).await
}
