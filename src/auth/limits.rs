//! Limits on failed logins and on tokens.
//!
//! Failed logins are counted by address, and by name. An IPv6 address counts with the network of 64 bits that one
//! customer has. A caller who reaches a limit waits until the next attempt is earned; nobody is locked out for longer.

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
use crate::accounts::Place;
use crate::config::Network;
use crate::telemetry::metrics::{self, Refusal};

/// Most keys that a limit counts separately. Only a flood brings more, and those are counted together.
const KEYS: usize = 50_000;

/// Most blocked keys, and most familiar addresses of users, that are remembered.
const REMEMBERED: usize = 10_000;

/// How many times as often a name may fail from all addresses together as from one.
const EVERYWHERE: u32 = 10;

/// How many times the allowance of one customer the networks around an address have: the customer's own, the /24 or /56
/// around that, and the /48 of IPv6.
const NETWORKS: [u32; 3] = [1, 4, 16];

/// Shortest time between two searches for keys to forget while there are [`KEYS`] of them.
const PRUNE: Duration = Duration::from_secs(1);

/// Limits per minute. The whole number may also be used at once. 0 means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginLimits {
    /// Failed logins under one name from one address. All addresses together have ten times as many, and addresses from
    /// which the name has logged in before do not count there: guesses from elsewhere do not lock out the owner.
    pub user_failures: u32,
    /// Failed logins from one address, under any names. The networks around it have larger allowances.
    pub address_failures: u32,
    /// Tokens for one account, and for anonymous callers at one address. Be generous: a fleet of CI machines shares an
    /// account or an address and requests a token for every image. 100 tokens a second cost a tenth of a core.
    pub tokens: u32,
}

/// Attempts with the same key are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Attempts from one network.
    Address(Network),
    /// Attempts under one name. The name is hashed, because a client may send a long one.
    User(u64),
    /// Attempts under one name from one network.
    UserFrom(u64, Network),
    /// Attempts with a key that is beyond the first [`KEYS`].
    Rest,
}

/// The limits and their counts.
#[derive(Debug)]
pub(super) struct Limits {
    user_failures: Option<Rate>,
    user_failures_everywhere: Option<Rate>,
    /// As many as [`NETWORKS`].
    address_failures: [Option<Rate>; 3],
    tokens: Option<Rate>,
    /// Names, and where they have logged in.
    familiar: Cache<(u64, Network), ()>,
    /// Where anybody has logged in.
    seen: Cache<Network, ()>,
    hasher: RandomState,
}

impl Limits {
    pub(super) fn new(limits: LoginLimits) -> Self {
        Self {
            user_failures: Rate::new(limits.user_failures),
            user_failures_everywhere: Rate::new(limits.user_failures.saturating_mul(EVERYWHERE)),
            address_failures: NETWORKS
                .map(|factor| Rate::new(limits.address_failures.saturating_mul(factor))),
            tokens: Rate::new(limits.tokens),
            familiar: Cache::new(REMEMBERED),
            seen: Cache::new(REMEMBERED),
            hasher: RandomState::new(),
        }
    }

    /// Whether another login may be tried from `client`. Counts nothing.
    ///
    /// # Errors
    /// [`AuthError::TooMany`].
    pub(super) fn may_try_from(&self, client: IpAddr) -> Result<(), AuthError> {
        refuse(longest(self.limits_from(client)), Refusal::LoginRate)
    }

    /// Whether another password may be tried for `user` from `client`. Counts nothing.
    ///
    /// # Errors
    /// [`AuthError::TooMany`].
    pub(super) fn may_try(&self, user: &str, client: IpAddr) -> Result<(), AuthError> {
        self.may_try_from(client)?;
        refuse(longest(self.limits_of(user, client)), Refusal::LoginRate)
    }

    /// Counts a login from `client` that failed.
    pub(super) fn failed_from(&self, client: IpAddr) {
        self.limits_from(client).into_iter().for_each(|(rate, key)| rate.count_and_block(key));
    }

    /// Counts a login as `user` that failed.
    pub(super) fn failed(&self, user: &str, client: IpAddr) {
        self.failed_from(client);
        self.limits_of(user, client).into_iter().for_each(|(rate, key)| rate.count_and_block(key));
    }

    /// Remembers that `user` has logged in from `client`.
    pub(super) fn succeeded(&self, user: &str, client: IpAddr) {
        let network = Network::of_customer(client);
        self.familiar.insert((self.hasher.hash_one(user), network), ());
        self.seen.insert(network, ());
    }

    /// Where `client` waits for the comparison of a password.
    pub(super) fn place(&self, client: IpAddr) -> Place {
        let familiar = self.seen.get(&Network::of_customer(client)).is_some();
        Place { familiar, network: Network::of_owner(client) }
    }

    /// Counts a token for the account `user`, or for `client` if the caller is anonymous.
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

    /// Forgets keys without recent attempts.
    pub(super) fn prune(&self) {
        let by_name = [&self.user_failures, &self.user_failures_everywhere];
        let rates = by_name.into_iter().chain(&self.address_failures).chain([&self.tokens]);
        rates.flatten().for_each(Rate::prune);
    }

    /// The limits that apply to an address, and the key that each counts. Failures from nearby addresses do not hold up an
    /// address from which somebody has logged in before.
    fn limits_from(&self, client: IpAddr) -> Vec<(&Rate, Key)> {
        let customer = Network::of_customer(client);
        let around = match self.seen.get(&customer) {
            Some(()) => Vec::new(),
            None => Network::around(client),
        };
        let networks = [customer].into_iter().chain(around).map(Key::Address);
        self.address_failures.iter().flatten().zip(networks).collect()
    }

    /// The limits that apply to a name, and the key that each counts.
    fn limits_of(&self, user: &str, client: IpAddr) -> Vec<(&Rate, Key)> {
        let (user, network) = (self.hasher.hash_one(user), Network::of_customer(client));
        let here = self.user_failures.iter().map(|rate| (rate, Key::UserFrom(user, network)));
        let everywhere = match self.familiar.get(&(user, network)) {
            Some(()) => None,
            None => self.user_failures_everywhere.as_ref(),
        };
        here.chain(everywhere.map(|rate| (rate, Key::User(user)))).collect()
    }
}

/// One limit, for many keys.
#[derive(Debug)]
struct Rate {
    limiter: RateLimiter<Key, DashMapStateStore<Key>, MonotonicClock, StateInformationMiddleware>,
    /// Time in which one more attempt is earned.
    period: Duration,
    /// Times at which blocked keys may try again. Kept here because asking the limiter also counts an attempt.
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

    /// Counts an attempt, and returns how many are left, or the time until the next one is earned.
    fn count(&self, key: Key) -> Result<u32, Duration> {
        match self.limiter.check_key(&self.place(key)) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(self.limiter.clock().now())),
        }
    }

    /// Counts an attempt, and blocks the key if none are left.
    fn count_and_block(&self, key: Key) {
        let wait = match self.count(key) {
            Ok(0) => self.period,
            Ok(_) => return,
            Err(wait) => wait,
        };
        self.blocked.insert(key, Instant::now() + wait);
    }

    /// How long `key` remains blocked.
    fn blocked(&self, key: Key) -> Option<Duration> {
        let until = self.blocked.get(&key)?;
        Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// The key under which to count: `key`, or [`Key::Rest`] when there are too many keys.
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

/// For how long the strictest of these limits blocks.
fn longest(limits: Vec<(&Rate, Key)>) -> Option<Duration> {
    limits.into_iter().filter_map(|(rate, key)| rate.blocked(key)).max()
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
        limits.may_try(user, address(client)).is_ok()
    }

    #[test]
    fn a_name_is_blocked_after_its_failures() {
        let limits = limits(3, 100);
        for _ in 0..3 {
            assert!(may(&limits, "me", "192.0.2.1"));
            limits.failed("me", address("192.0.2.1"));
        }
        let refused = limits.may_try("me", address("192.0.2.1")).unwrap_err();
        let AuthError::TooMany { retry } = refused else { panic!("{refused}") };
        assert!(retry > Duration::ZERO && retry <= Duration::from_secs(20), "{retry:?}");
        // Nobody else is held up, nor is the name elsewhere.
        assert!(may(&limits, "you", "192.0.2.1"));
        assert!(may(&limits, "me", "192.0.2.2"));
    }

    #[test]
    fn a_name_fails_ten_times_as_often_from_all_addresses() {
        let limits = limits(3, 100);
        limits.succeeded("me", address("203.0.113.1"));
        for n in 1..=30 {
            assert!(may(&limits, "me", "192.0.2.99"), "{n}");
            limits.failed("me", address(&format!("192.0.2.{n}")));
        }
        assert!(!may(&limits, "me", "192.0.2.99"));
        // Guesses from elsewhere do not keep the owner out, who may fail as often as from anywhere.
        assert!(may(&limits, "me", "203.0.113.1"));
        (0..3).for_each(|_| limits.failed("me", address("203.0.113.1")));
        assert!(!may(&limits, "me", "203.0.113.1"));
    }

    #[test]
    fn an_address_fails_so_often_under_all_names() {
        let limits = limits(100, 3);
        for name in ["a", "b", "c"] {
            limits.failed(name, address("2001:db8:1:2::1"));
        }
        // Another address in the same /64 network, and an address in another network.
        assert!(!may(&limits, "d", "2001:db8:1:2:ffff::1"));
        assert!(may(&limits, "d", "2001:db8:1:3::1"));
        (0..3).for_each(|_| limits.failed_from(address("192.0.2.1")));
        assert!(!may(&limits, "d", "::ffff:192.0.2.1"));
        assert!(may(&limits, "d", "192.0.2.2"));
    }

    #[test]
    fn the_networks_around_an_address_have_larger_allowances() {
        type Guesser = fn(u32) -> String;
        let cases: [(Guesser, &str, &str, &str, u32); 3] = [
            (|n| format!("192.0.2.{n}"), "192.0.2.98", "192.0.2.99", "192.0.3.1", 4),
            (
                |n| format!("::2:{n}:0:0:0:1"),
                "::2:ff:0:0:0:1",
                "::2:fe:0:0:0:1",
                "::2:100:0:0:0:1",
                4,
            ),
            (
                |n| format!("::2:{n}01:0:0:0:1"),
                "::2:ff01:0:0:0:1",
                "::2:fe01:0:0:0:1",
                "::3:1:0:0:0:1",
                16,
            ),
        ];
        for (guesser, another, friend, elsewhere, factor) in cases {
            let limits = limits(1000, 3);
            limits.succeeded("me", address(friend));
            for n in 10..10 + 3 * factor {
                assert!(may(&limits, "you", another), "{another} {n}");
                limits.failed("me", address(&guesser(n)));
            }
            assert!(!may(&limits, "you", another), "{another}");
            assert!(may(&limits, "you", elsewhere), "{elsewhere}");
            // Where somebody has logged in before, only what fails there counts.
            assert!(may(&limits, "you", friend), "{friend}");
        }
    }

    #[test]
    fn tokens_are_counted_by_account_or_by_address_if_anonymous() {
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
    fn zero_means_no_limit() {
        let limits = limits(0, 0);
        for _ in 0..1000 {
            limits.failed("me", address("192.0.2.1"));
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
        // The keys beyond the limit share one count.
        assert!(rate.count(Key::User(7)).is_err());
    }
}
