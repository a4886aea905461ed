//! Logins: finding the account for a user name and a password.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use quick_cache::sync::Cache;
use ring::hmac;
use tokio::sync::OnceCell;
use tracing::debug;

use super::AuthError;
use super::limits::Limits;
use crate::accounts::{Passwords, is_same, robot_secret_hash};
use crate::config::Secret;
use crate::seal::random;
use crate::store::{Account, Store};
use crate::telemetry::metrics;

/// Time for which a successful login is remembered. Clients log in again with every request or scope. The gate checks
/// each time that the account still has the revision that the login found.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Most logins that are remembered.
const REMEMBERED: usize = 10_000;

/// Most bytes of a user name or password. No account has a longer name, and no password may be longer.
const LONGEST: usize = 4096;

/// HMAC of a user name and password, under a key that only this process has.
type Fingerprint = [u8; 32];

/// Result of a login that is being checked. All callers with the same credentials wait for it.
type Outcome = Arc<OnceCell<Result<Arc<Account>, AuthError>>>;

/// Checks logins and remembers the successful ones. Cheap to clone.
#[derive(Clone)]
pub(super) struct Logins(Arc<Parts>);

struct Parts {
    store: Store,
    passwords: Passwords,
    limits: Arc<Limits>,
    key: hmac::Key,
    remembered: Cache<Fingerprint, (Arc<Account>, Instant)>,
    /// Logins that are being checked, by fingerprint and address.
    running: Mutex<HashMap<(Fingerprint, IpAddr), Outcome>>,
}

impl Logins {
    /// Hashes a random password to compare with later, which takes tens of milliseconds.
    pub(super) async fn new(store: Store, limits: Arc<Limits>) -> Result<Self, AuthError> {
        Ok(Self(Arc::new(Parts {
            store,
            passwords: Passwords::new().await?,
            limits,
            key: hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()),
            remembered: Cache::new(REMEMBERED),
            running: Mutex::default(),
        })))
    }

    /// The account for a user name and password, in its state of at most a minute ago. The password is hashed once for
    /// all requests of a client in that minute, and once for concurrent requests.
    ///
    /// # Errors
    /// [`AuthError::Credentials`] for everything that may be wrong with them, [`AuthError::TooMany`] and
    /// [`AuthError::Unavailable`].
    pub(super) async fn login(
        &self,
        user: &str,
        password: &Secret,
        client: IpAddr,
    ) -> Result<Arc<Account>, AuthError> {
        let fingerprint = self.0.fingerprint(user, password);
        if let Some((account, at)) = self.0.remembered.get(&fingerprint)
            && at.elapsed() < REMEMBERED_FOR
            && account.expires_at.is_none_or(|end| end > SystemTime::now())
        {
            return Ok(account);
        }
        let running = Running::join(&self.0, (fingerprint, client));
        let result = running.outcome.get_or_init(|| self.check(user, password, client)).await;
        if let Ok(account) = result {
            self.0.remembered.insert(fingerprint, (Arc::clone(account), Instant::now()));
        }
        result.clone()
    }

    /// As [`Logins::login`], and checks that the account has not changed since.
    ///
    /// # Errors
    /// As [`Logins::login`].
    pub(super) async fn login_now(
        &self,
        user: &str,
        password: &Secret,
        client: IpAddr,
    ) -> Result<Arc<Account>, AuthError> {
        let account = self.login(user, password, client).await?;
        match self.0.store.accounts().get_by_revision(account.revision).await? {
            Some(now) if now.usable => Ok(account),
            _ => {
                self.0.remembered.remove(&self.0.fingerprint(user, password));
                self.login(user, password, client).await
            }
        }
    }

    /// Forgets every login that found an account with this revision.
    pub(super) fn forget(&self, revision: i64) {
        self.0.remembered.retain(|_, (account, _)| account.revision != revision);
    }

    /// Checks a login in a task of its own. A failure must count even if the client hangs up early: otherwise such a
    /// client could keep every core busy without ever reaching a limit.
    async fn check(
        &self,
        user: &str,
        password: &Secret,
        client: IpAddr,
    ) -> Result<Arc<Account>, AuthError> {
        let (parts, user, password) = (Arc::clone(&self.0), user.to_owned(), password.clone());
        tokio::spawn(async move { parts.check(&user, &password, client).await }).await.map_err(
            |error| AuthError::Internal(format!("the task that checked a login failed: {error}")),
        )?
    }
}

/// A caller who waits for a login that is being checked.
struct Running<'a> {
    parts: &'a Parts,
    key: (Fingerprint, IpAddr),
    outcome: Outcome,
}

impl<'a> Running<'a> {
    fn join(parts: &'a Parts, key: (Fingerprint, IpAddr)) -> Self {
        let outcome = Arc::clone(parts.running().entry(key).or_default());
        Self { parts, key, outcome }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = self.parts.running();
        // The map holds one reference, and the lock keeps others from joining: no one else waits.
        if Arc::strong_count(&self.outcome) <= 2 {
            running.remove(&self.key);
        }
    }
}

impl Parts {
    async fn check(
        &self,
        user: &str,
        password: &Secret,
        client: IpAddr,
    ) -> Result<Arc<Account>, AuthError> {
        let result = self.compare(user, password, client).await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(AuthError::Credentials) => "wrong",
            Err(AuthError::TooMany { .. }) => "limited",
            Err(_) => "error",
        };
        metrics::login(outcome);
        if outcome == "wrong" {
            debug!(event = "login_failed", user, %client);
        }
        result
    }

    /// One lookup and, unless it is a robot's right secret, one argon2, whatever is wrong. The secret of a robot is
    /// compared before any limit by name: 256 bits are not guessed, and failures under the robot's name must not keep
    /// the robot out.
    async fn compare(
        &self,
        user: &str,
        password: &Secret,
        client: IpAddr,
    ) -> Result<Arc<Account>, AuthError> {
        self.limits.may_try_from(client)?;
        if user.len() > LONGEST || password.expose().len() > LONGEST {
            self.limits.failed(user, client);
            return Err(AuthError::Credentials);
        }
        let account = self.store.accounts().get(user).await?.filter(|account| account.usable);
        if let Some(robot) = account.as_ref().filter(|account| account.is_robot())
            && is_same(robot_secret_hash(password).as_bytes(), robot.secret_hash.as_bytes())
        {
            return Ok(self.succeeded(robot.clone(), client));
        }
        self.limits.may_try(user, client)?;
        let user_account = account.filter(|account| !account.is_robot());
        let slot = self.passwords.slot().await?;
        // Asked again, for others may have failed meanwhile: of a thousand that come at once no more get a turn than
        // of a thousand that come one by one, but for the few that have theirs at the same time.
        self.limits.may_try(user, client)?;
        let hash = user_account.as_ref().map(|account| account.secret_hash.clone());
        let (right, slot) = self.passwords.compare(hash, password, slot).await?;
        match user_account {
            Some(account) if right => Ok(self.succeeded(account, client)),
            _ => {
                self.limits.failed(user, client);
                drop(slot);
                Err(AuthError::Credentials)
            }
        }
    }

    fn succeeded(&self, account: Account, client: IpAddr) -> Arc<Account> {
        self.limits.succeeded(&account.name, client);
        Arc::new(account)
    }

    fn fingerprint(&self, user: &str, password: &Secret) -> Fingerprint {
        let mut tag = hmac::Context::with_key(&self.key);
        // The length marks the end of the name.
        tag.update(&(user.len() as u64).to_be_bytes());
        tag.update(user.as_bytes());
        tag.update(password.expose().as_bytes());
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(tag.sign().as_ref());
        fingerprint
    }

    fn running(&self) -> MutexGuard<'_, HashMap<(Fingerprint, IpAddr), Outcome>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
