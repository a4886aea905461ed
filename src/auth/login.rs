//! A name and a password become an account.

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

/// For how long a login that succeeded is taken for granted. Clients log in again with every request or scope. That
/// the account is still what it was is asked of the rows each time, by the revision that the login found.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// The most logins that are remembered.
const REMEMBERED: usize = 10_000;

/// No account has a longer name, and no client a good reason for a longer password.
const LONGEST: usize = 4096;

/// A name and password, as only this process can tell them from others.
type Fingerprint = [u8; 32];

/// What became of a login, for all who wait for it.
type Outcome = Arc<OnceCell<Result<Arc<Account>, AuthError>>>;

/// Logs in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Logins(Arc<Parts>);

struct Parts {
    store: Store,
    passwords: Passwords,
    limits: Arc<Limits>,
    key: hmac::Key,
    remembered: Cache<Fingerprint, (Arc<Account>, Instant)>,
    /// By fingerprint and address, those that are being found out.
    running: Mutex<HashMap<(Fingerprint, IpAddr), Outcome>>,
}

impl Logins {
    /// Takes tens of milliseconds.
    ///
    /// # Errors
    /// [`AuthError::Internal`]: a mistake of this program.
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

    /// The account of that name and password, as it was at most a minute ago. A client that sends the same for every
    /// request, or many times at once, has it computed once.
    ///
    /// # Errors
    /// [`AuthError::Credentials`] for whatever is wrong with them, [`AuthError::TooMany`], [`AuthError::Unavailable`].
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
        let result = running.outcome.get_or_init(|| self.find_out(user, password, client)).await;
        if let Ok(account) = result {
            self.0.remembered.insert(fingerprint, (Arc::clone(account), Instant::now()));
        }
        result.clone()
    }

    /// As [`Logins::login`], and the account is still what it was.
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
        match self.0.store.account_of_revision(account.revision).await? {
            Some(now) if now.usable => Ok(account),
            _ => {
                self.0.remembered.remove(&self.0.fingerprint(user, password));
                self.login(user, password, client).await
            }
        }
    }

    /// Forgets every login that found an account in this state.
    pub(super) fn forget(&self, revision: i64) {
        self.0.remembered.retain(|_, (account, _)| account.revision != revision);
    }

    /// In a task of its own: a failure counts also when the client no longer waits for it, or whoever hangs up early
    /// could keep every core busy.
    async fn find_out(
        &self,
        user: &str,
        password: &Secret,
        client: IpAddr,
    ) -> Result<Arc<Account>, AuthError> {
        let (parts, user, password) = (Arc::clone(&self.0), user.to_owned(), password.clone());
        tokio::spawn(async move { parts.find_out(&user, &password, client).await })
            .await
            .map_err(|error| AuthError::Internal(format!("a login was not finished: {error}")))?
    }
}

/// A login under way, for as long as somebody waits for it.
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
        // Nobody joins meanwhile, and one of the two is in the map.
        if Arc::strong_count(&self.outcome) <= 2 {
            running.remove(&self.key);
        }
    }
}

impl Parts {
    async fn find_out(
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

    /// One lookup and, unless it is a robot's right secret, one argon2, whatever is wrong.
    async fn compare(
        &self,
        user: &str,
        password: &Secret,
        client: IpAddr,
    ) -> Result<Arc<Account>, AuthError> {
        self.limits.may_try(Some(user), client)?;
        if user.len() > LONGEST || password.expose().len() > LONGEST {
            self.limits.failed(Some(user), client);
            return Err(AuthError::Credentials);
        }
        let account = self.store.account(user).await?.filter(|account| account.usable);
        if let Some(robot) = account.as_ref().filter(|account| account.is_robot())
            && is_same(robot_secret_hash(password).as_bytes(), robot.secret_hash.as_bytes())
        {
            return Ok(self.succeeded(robot.clone(), client));
        }
        let user_account = account.filter(|account| !account.is_robot());
        let slot = self.passwords.slot().await?;
        // Asked again, for others may have failed meanwhile: of a thousand that come at once no more get a turn than
        // of a thousand that come one by one, but for the few that have theirs at the same time.
        self.limits.may_try(Some(user), client)?;
        let hash = user_account.as_ref().map(|account| account.secret_hash.clone());
        let (right, slot) = self.passwords.compare(hash, password, slot).await?;
        match user_account {
            Some(account) if right => Ok(self.succeeded(account, client)),
            _ => {
                self.limits.failed(Some(user), client);
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
        // The length says where the name ends.
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
