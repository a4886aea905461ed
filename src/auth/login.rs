//! Logins: finding the account for a user name and a password.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use quick_cache::sync::Cache as Remembered;
use ring::hmac;
use tracing::debug;

use super::AuthError;
use super::last_use::LastUse;
use super::limits::Limits;
use super::single_flight::SingleFlight;
use crate::accounts::{Comparer, Hashers, is_same, robot_secret_hash};
use crate::config::Secret;
use crate::seal::random;
use crate::store::{Account, Store};
use crate::telemetry::metrics::{self, Cache};
use crate::telemetry::trace;

/// Time for which a successful login is remembered. Clients log in again with every request or scope. The gate checks
/// each time that the account still has the revision that the login found.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Most logins that are remembered.
const REMEMBERED: usize = 10_000;

/// Most bytes of a user name or password. No account has a longer name, and no password may be longer.
const LONGEST: usize = 4096;

/// HMAC of a user name and password, under a key that only this process has.
type Fingerprint = [u8; 32];

/// Checks logins and remembers the successful ones. Cheap to clone.
#[derive(Clone)]
pub(super) struct Logins(Arc<Parts>);

struct Parts {
    store: Store,
    hashers: Hashers,
    limits: Arc<Limits>,
    used: LastUse,
    key: hmac::Key,
    remembered: Remembered<Fingerprint, (Arc<Account>, Instant)>,
    /// Logins that are being checked, by fingerprint and address: each address has limits of its own.
    running: SingleFlight<(Fingerprint, IpAddr), Result<Arc<Account>, AuthError>>,
    /// Passwords that are being compared, by fingerprint and revision of the account.
    comparing: SingleFlight<(Fingerprint, Option<i64>), Result<bool, AuthError>>,
}

impl Logins {
    /// Hashes a random password to compare with later, which takes tens of milliseconds.
    pub(super) async fn new(store: Store, limits: Arc<Limits>) -> Result<Self, AuthError> {
        Ok(Self(Arc::new(Parts {
            used: LastUse::new(store.clone()),
            store,
            hashers: Hashers::start().await?,
            limits,
            key: hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()),
            remembered: Remembered::new(REMEMBERED),
            running: SingleFlight::default(),
            comparing: SingleFlight::default(),
        })))
    }

    /// The account for a user name and password, in its state of at most a minute ago. The password is hashed once for
    /// all requests of a client in that minute, and once for concurrent requests.
    ///
    /// # Errors
    /// [`AuthError::Credentials`] for everything that may be wrong with them, [`AuthError::TooMany`], [`AuthError::Busy`],
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
            metrics::looked_up(Cache::Logins, true);
            return Ok(account);
        }
        metrics::looked_up(Cache::Logins, false);
        let check = self.check(user, password, client);
        let account = self.0.running.run((fingerprint, client), check).await?;
        self.0.remembered.insert(fingerprint, (Arc::clone(&account), Instant::now()));
        Ok(account)
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

    /// Notes that an account was used, without a password or with one. Returns at once.
    pub(super) fn note_use(&self, account: &Account) {
        self.0.used.note(account);
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
        let checked = async move { parts.check(&user, &password, client).await };
        tokio::spawn(trace::within(trace::current(), checked)).await.map_err(|error| {
            AuthError::Internal(format!("the task that checked a login failed: {error}"))
        })?
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
            Err(AuthError::Busy) => "busy",
            Err(_) => "error",
        };
        metrics::login(outcome);
        if let Ok(account) = &result {
            self.used.note(account);
        }
        if outcome == "wrong" {
            debug!(event = "login_failed", user, %client);
        }
        result
    }

    /// Does one lookup and one argon2, regardless of what is wrong, so that the time reveals nothing. Only the right secret
    /// of a robot needs no argon2. It is compared before any limit by name: nobody guesses 256 bits, and failures under
    /// the name of a robot must not lock out the robot.
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
        let account = account.filter(|account| !account.is_robot());
        match account {
            Some(account) if self.is_right(user, Some(&account), password, client).await? => {
                Ok(self.succeeded(account, client))
            }
            Some(_) => Err(AuthError::Credentials),
            None => {
                self.is_right(user, None, password, client).await?;
                Err(AuthError::Credentials)
            }
        }
    }

    /// Whether `password` is that of `account`. One comparison serves all callers who try the same at the same time: a
    /// fleet may log in from hundreds of addresses at once. A failure counts for each address.
    async fn is_right(
        &self,
        user: &str,
        account: Option<&Account>,
        password: &Secret,
        client: IpAddr,
    ) -> Result<bool, AuthError> {
        let key = (self.fingerprint(user, password), account.map(|account| account.revision));
        let hash = account.map(|account| account.secret_hash.clone());
        let mut counted = false;
        let find = async {
            counted = true;
            self.compare_in_turn(user, hash, password, client).await
        };
        let right = self.comparing.run(key, find).await?;
        if !right && !counted {
            self.limits.failed(user, client);
        }
        Ok(right)
    }

    async fn compare_in_turn(
        &self,
        user: &str,
        hash: Option<String>,
        password: &Secret,
        client: IpAddr,
    ) -> Result<bool, AuthError> {
        let place = self.limits.place(client);
        let (limits, user, password) =
            (Arc::clone(&self.limits), user.to_owned(), password.clone());
        let compare = move |comparer: &mut Comparer| {
            // Checked again, because other logins may have failed while this one waited for its turn. Of a thousand
            // concurrent guesses, only those that run at the same time can exceed the limit.
            limits.may_try(&user, client)?;
            let right = comparer.is_right(hash.as_deref(), &password);
            if !right {
                limits.failed(&user, client);
            }
            Ok(right)
        };
        self.hashers.run(place, compare).await.unwrap_or(Err(AuthError::Busy))
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
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
