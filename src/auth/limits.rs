//! How often somebody may fail to log in, and how many tokens they may have.
//!
//! Counted by address, of IPv6 by the network of 64 bits that one customer has, and by account. Who reaches a limit
//! waits; nobody is locked out for longer than it takes to earn the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

use super::AuthError;
use crate::config::Network;
use crate::telemetry::metrics::{self, Refusal};

/// The most keys that a limit counts apart. More come only from a flood; they are counted together then.
const KEYS: usize = 50_000;

/// The most blocked keys, and addresses of users, that are remembered.
const REMEMBERED: usize = 10_000;

/// When there are so many, those that no longer matter are looked for at most this often.
const PRUNE: Duration = Duration::from_secs(1);

/// The limits, each a number a minute that may also come all at once; 0 sets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginLimits {
    /// Failed logins under one name. Where that name has logged in before is counted apart, so that who tries
    /// passwords from elsewhere does not keep its owner out.
    pub user_failures: u32,
    /// Failed logins from one address, under whatever names.
    pub address_failures: u32,
    /// Tokens for one account, and for one address that asks without a login. To be generous with: a fleet of CI
    /// machines shares an account or an address and takes a token for every image. 100 a second cost a tenth of a core.
    pub tokens: u32,
}

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The addresses of one customer.
    Address(Network),
    /// A name, hashed: who tries it may have made it long.
    User(u64),
    /// A name where it has logged in before.
    Familiar(u64, Network),
    /// All that there is no place for.
    Rest,
}

/// The limits and what was counted against them.
#[derive(Debug)]
pub(super) struct Limits {
    user_failures: Option<Rate>,
    address_failures: Option<Rate>,
    tokens: Option<Rate>,
    familiar: Cache<(u64, Network), ()>,
    hasher: RandomState,
}

impl Limits {
    pub(super) fn new(limits: LoginLimits) -> Self {
        Self {
            user_failures: Rate::new(limits.user_failures),
            address_failures: Rate::new(limits.address_failures),
            tokens: Rate::new(limits.tokens),
            familiar: Cache::new(REMEMBERED),
            hasher: RandomState::new(),
        }
    }

    /// Whether another login may be tried under `user`, if a name is given, from `client`. Counts nothing.
    ///
    /// # Errors
    /// [`AuthError::TooMany`].
    pub(super) fn may_try(&self, user: Option<&str>, client: IpAddr) -> Result<(), AuthError> {
        let by_user = self.user_failures.as_ref().zip(user.map(|user| self.user(user, client)));
        let by_user = by_user.and_then(|(rate, key)| rate.blocked(key));
        let address = Key::Address(Network::of_customer(client));
        let by_address = self.address_failures.as_ref().and_then(|rate| rate.blocked(address));
        refuse(by_user.max(by_address), Refusal::LoginRate)
    }

    /// Counts a login that failed.
    pub(super) fn failed(&self, user: Option<&str>, client: IpAddr) {
        if let (Some(rate), Some(user)) = (&self.user_failures, user) {
            rate.count_and_block(self.user(user, client));
        }
        if let Some(rate) = &self.address_failures {
            rate.count_and_block(Key::Address(Network::of_customer(client)));
        }
    }

    /// Remembers where `user` logs in from.
    pub(super) fn succeeded(&self, user: &str, client: IpAddr) {
        self.familiar.insert((self.hasher.hash_one(user), Network::of_customer(client)), ());
    }

    /// Counts a token for the account called `user`, or else for `client`.
    ///
    /// # Errors
    /// [`AuthError::TooMany`].
    pub(super) fn issue(&self, user: Option<&str>, client: IpAddr) -> Result<(), AuthError> {
        let key = match user {
            Some(user) => Key::User(self.hasher.hash_one(user)),
            None => Key::Address(Network::of_customer(client)),
        };
        refuse(self.tokens.as_ref().and_then(|rate| rate.count(key).err()), Refusal::TokenRate)
    }

    /// Forgets whoever has not come near a limit lately.
    pub(super) fn prune(&self) {
        let rates = [&self.user_failures, &self.address_failures, &self.tokens];
        rates.into_iter().flatten().for_each(Rate::prune);
    }

    fn user(&self, user: &str, client: IpAddr) -> Key {
        let known = (self.hasher.hash_one(user), Network::of_customer(client));
        match self.familiar.get(&known) {
            Some(()) => Key::Familiar(known.0, known.1),
            None => Key::User(known.0),
        }
    }
}

/// One limit, for many keys.
#[derive(Debug)]
struct Rate {
    limiter: RateLimiter<Key, DashMapStateStore<Key>, MonotonicClock, StateInformationMiddleware>,
    /// In which one more is earned.
    period: Duration,
    /// Until when nothing is tried: the limiter can be asked only by counting.
    blocked: Cache<Key, Instant>,
    pruned: Mutex<Instant>,
}

impl Rate {
    fn new(a_minute: u32) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(a_minute)?);
        let limiter = RateLimiter::dashmap_with_clock(quota, MonotonicClock);
        Some(Self {
            limiter: limiter.with_middleware(),
            period: quota.replenish_interval(),
            blocked: Cache::new(REMEMBERED),
            pruned: Mutex::new(Instant::now()),
        })
    }

    /// Counts one, and answers how many are left; or how long to wait for one.
    fn count(&self, key: Key) -> Result<u32, Duration> {
        match self.limiter.check_key(&self.place(key)) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(self.limiter.clock().now())),
        }
    }

    /// Counts one, and blocks whoever has used up what there is.
    fn count_and_block(&self, key: Key) {
        let wait = match self.count(key) {
            Ok(0) => self.period,
            Ok(_) => return,
            Err(wait) => wait,
        };
        self.blocked.insert(key, Instant::now() + wait);
    }

    /// For how long `key` is blocked.
    fn blocked(&self, key: Key) -> Option<Duration> {
        let until = self.blocked.get(&key)?;
        Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// The key, or the one for all when there are too many.
    fn place(&self, key: Key) -> Key {
        if self.limiter.len() < KEYS {
            return key;
        }
        if let Ok(mut pruned) = self.pruned.try_lock()
            && pruned.elapsed() > PRUNE
        {
            self.prune();
            *pruned = Instant::now();
        }
        if self.limiter.len() < KEYS { key } else { Key::Rest }
    }

    fn prune(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

fn refuse(wait: Option<Duration>, refusal: Refusal) -> Result<(), AuthError> {
    let Some(retry) = wait else { return Ok(()) };
    metrics::refused(refusal);
    Err(AuthError::TooMany { retry })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(user: u32, address: u32) -> Limits {
        Limits::new(LoginLimits { user_failures: user, address_failures: address, tokens: user })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn may(limits: &Limits, user: &str, client: &str) -> bool {
        limits.may_try(Some(user), address(client)).is_ok()
    }

    #[test]
    fn a_name_fails_so_often_and_no_more() {
        let limits = limits(3, 100);
        for _ in 0..3 {
            assert!(may(&limits, "me", "192.0.2.1"));
            limits.failed(Some("me"), address("192.0.2.1"));
        }
        let refused = limits.may_try(Some("me"), address("192.0.2.1")).unwrap_err();
        let AuthError::TooMany { retry } = refused else { panic!("{refused}") };
        assert!(retry > Duration::ZERO && retry <= Duration::from_secs(20), "{retry:?}");
        // From wherever it is tried, and nobody else is held up.
        assert!(!may(&limits, "me", "192.0.2.2"));
        assert!(may(&limits, "you", "192.0.2.1"));
    }

    #[test]
    fn who_guesses_elsewhere_does_not_keep_the_owner_out() {
        let limits = limits(3, 100);
        limits.succeeded("me", address("192.0.2.1"));
        (0..9).for_each(|_| limits.failed(Some("me"), address("198.51.100.1")));
        assert!(!may(&limits, "me", "198.51.100.1"));
        assert!(may(&limits, "me", "192.0.2.1"));
        (0..3).for_each(|_| limits.failed(Some("me"), address("192.0.2.1")));
        assert!(!may(&limits, "me", "192.0.2.1"));
    }

    #[test]
    fn an_address_fails_so_often_under_all_names() {
        let limits = limits(100, 3);
        for name in ["a", "b", "c"] {
            limits.failed(Some(name), address("2001:db8:1:2::1"));
        }
        // The same customer, with another of their addresses; and one who is another.
        assert!(!may(&limits, "d", "2001:db8:1:2:ffff::1"));
        assert!(may(&limits, "d", "2001:db8:1:3::1"));
        (0..3).for_each(|_| limits.failed(None, address("192.0.2.1")));
        assert!(!may(&limits, "d", "::ffff:192.0.2.1"));
        assert!(may(&limits, "d", "192.0.2.2"));
    }

    #[test]
    fn tokens_are_counted_for_the_account_or_else_the_address() {
        let limits = limits(2, 3);
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        (0..2).for_each(|_| limits.issue(Some("me"), one).unwrap());
        assert!(matches!(limits.issue(Some("me"), other), Err(AuthError::TooMany { .. })));
        assert!(limits.issue(Some("you"), one).is_ok());
        (0..2).for_each(|_| limits.issue(None, one).unwrap());
        assert!(limits.issue(None, one).is_err());
        assert!(limits.issue(None, other).is_ok());
    }

    #[test]
    fn no_limit_is_none() {
        let limits = limits(0, 0);
        for _ in 0..1000 {
            limits.failed(Some("me"), address("192.0.2.1"));
            limits.issue(None, address("192.0.2.1")).unwrap();
        }
        assert!(may(&limits, "me", "192.0.2.1"));
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory() {
        let rate = Rate::new(60).unwrap();
        for n in 0..KEYS as u128 + 1000 {
            let _ = rate.count(Key::Address(Network::of_customer(IpAddr::V6((n << 64).into()))));
        }
        assert!(rate.limiter.len() <= KEYS + 1);
        // Those for whom there is no place share what one of them would have.
        assert!(rate.count(Key::User(7)).is_err());
    }
}
