//! The places of all connections of a listener, and who gives way when they run out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::activity::{Activity, Claim};
use super::inflow::Inflow;
use super::yielding::{Candidate, Newcomer, choose};
use crate::config::Network;
use crate::telemetry::metrics::{self, Refusal};

/// Time between two searches for connections that can give way, if the first found none.
const PAUSE: Duration = Duration::from_millis(20);

/// Time between two lines of the log about full places.
const QUIET: Duration = Duration::from_secs(60);

/// The places of the connections of one listener. Cheap to clone; clones share the places.
///
/// From nine tenths of the limit on, every new connection makes others give way: see [`choose`]. A connection that has to
/// give way has lost its place at once, and its task ends it.
#[derive(Clone, Debug)]
pub(super) struct Places {
    table: Arc<Mutex<Table>>,
    inflow: Inflow,
}

/// Why a connection got no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Its address has as many connections as it may have.
    Address,
    /// All places are taken, and none of the connections can give way to this one.
    All,
}

#[derive(Debug)]
struct Table {
    limit: usize,
    next: u64,
    seats: HashMap<u64, Seat>,
    /// Number of connections by address, for IPv6 by the /64 of a customer.
    counts: HashMap<Network, usize>,
    /// The last search that found nothing: for whom, and until when it need not be repeated.
    failed: Option<(Newcomer, Instant)>,
    warned: Option<Instant>,
}

#[derive(Debug)]
struct Seat {
    customer: Option<Network>,
    /// What the connection does. Until it speaks HTTP, it is idle since it came.
    activity: Option<Arc<Activity>>,
    since: Instant,
    leave: CancellationToken,
}

impl Places {
    /// As many places as `limit`.
    pub(super) fn new(limit: usize) -> Self {
        let (seats, counts) = (HashMap::new(), HashMap::new());
        let table = Table { limit, next: 0, seats, counts, failed: None, warned: None };
        Self { table: Arc::new(Mutex::new(table)), inflow: Inflow::default() }
    }

    /// Takes a place for a connection from `address`, which may have `most`. Without an address it is not known yet.
    pub(super) fn take(&self, address: Option<IpAddr>, most: usize) -> Result<Place, Full> {
        let customer = address.map(Network::of_customer);
        let mut table = self.table();
        let count = table.count(customer);
        if count >= most {
            return Err(Full::Address);
        }
        if table.seats.len() >= near(table.limit) {
            table.make_room(Newcomer { customer, count: count + 1 });
        }
        if table.seats.len() >= table.limit {
            return Err(Full::All);
        }
        let leave = CancellationToken::new();
        let id = table.next;
        table.next += 1;
        let seat =
            Seat { customer: None, activity: None, since: Instant::now(), leave: leave.clone() };
        table.seats.insert(id, seat);
        table.belongs(id, customer);
        drop(table);
        Ok(Place { places: self.clone(), id, leave })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Number of connections from which on others give way to new ones.
fn near(limit: usize) -> usize {
    limit - limit / 10
}

impl Table {
    fn count(&self, customer: Option<Network>) -> usize {
        customer.and_then(|customer| self.counts.get(&customer)).copied().unwrap_or_default()
    }

    fn belongs(&mut self, id: u64, customer: Option<Network>) {
        if let (Some(seat), Some(customer)) = (self.seats.get_mut(&id), customer) {
            seat.customer = Some(customer);
            *self.counts.entry(customer).or_default() += 1;
        }
    }

    fn remove(&mut self, id: u64) -> Option<Seat> {
        let seat = self.seats.remove(&id)?;
        if let Some(customer) = seat.customer
            && let Some(count) = self.counts.get_mut(&customer)
        {
            *count -= 1;
            // Only addresses with a connection stay in the map.
            if *count == 0 {
                self.counts.remove(&customer);
            }
        }
        Some(seat)
    }

    /// Makes connections give way to a newcomer, if there are any that can.
    fn make_room(&mut self, newcomer: Newcomer) {
        let now = Instant::now();
        // What has failed for an address with few connections fails for one with more.
        if self.failed.is_some_and(|(who, until)| now < until && newcomer.is_larger_than(&who)) {
            return;
        }
        let full = self.seats.len() >= self.limit;
        let candidates = self.seats.iter().map(|(id, seat)| {
            let (claim, idle) = seat.claim(now);
            Candidate {
                id: *id,
                customer: seat.customer,
                count: self.count(seat.customer),
                claim,
                idle,
            }
        });
        // A search looks at every connection, so it makes room for many newcomers.
        let chosen = choose(candidates, &newcomer, full, (self.limit / 100).max(1));
        self.failed = chosen.is_empty().then_some((newcomer, now + PAUSE));
        self.report(now, chosen.len());
        for id in chosen {
            if let Some(seat) = self.remove(id) {
                metrics::refused(Refusal::GaveWay);
                seat.leave.cancel();
            }
        }
    }

    fn report(&mut self, now: Instant, closed: usize) {
        if self.warned.is_some_and(|at| now < at + QUIET) {
            return;
        }
        self.warned = Some(now);
        let (open, limit) = (self.seats.len(), self.limit);
        let busiest = self.counts.iter().max_by_key(|(_, count)| **count);
        let (address, count) =
            busiest.map_or((String::new(), 0), |(customer, count)| (customer.to_string(), *count));
        warn!(
            event = "connections_near_limit",
            open,
            limit,
            closed,
            address,
            count,
            "{open} of {limit} connections are open; idle and slow ones are closed for new ones. Most of them, {count}, \
             come from {address}. Raise OPEN_REGISTRY_LIMIT_CONNECTIONS if they are wanted"
        );
    }
}

impl Seat {
    fn claim(&self, now: Instant) -> (Claim, Duration) {
        match &self.activity {
            Some(activity) => activity.claim(now),
            None => (Claim::Idle, now.saturating_duration_since(self.since)),
        }
    }
}

/// The place of one connection, until this value is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    id: u64,
    leave: CancellationToken,
}

impl Place {
    /// Notes the address of a connection that came without one. `false` if that has `most` connections already.
    pub(super) fn belongs_to(&self, address: IpAddr, most: usize) -> bool {
        let customer = Some(Network::of_customer(address));
        let mut table = self.places.table();
        let free = table.count(customer) < most;
        if free {
            table.belongs(self.id, customer);
        }
        free
    }

    /// Tells what the connection does from now on.
    pub(super) fn follow(&self, activity: &Arc<Activity>) {
        if let Some(seat) = self.places.table().seats.get_mut(&self.id) {
            seat.activity = Some(Arc::clone(activity));
        }
    }

    /// The bodies that the connections with a place receive.
    pub(super) fn inflow(&self) -> &Inflow {
        &self.places.inflow
    }

    /// A token that is cancelled when the connection has to give way.
    pub(super) fn leave(&self) -> &CancellationToken {
        &self.leave
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(limit: usize) -> (Places, impl Fn(&str) -> Result<Place, Full>) {
        let places = Places::new(limit);
        let shared = places.clone();
        (places, move |text: &str| shared.take(Some(text.parse().unwrap()), 2))
    }

    #[test]
    fn each_address_has_its_own_count_and_ipv6_one_a_customer() {
        let (_, take) = places(100);
        let first = take("192.0.2.1").unwrap();
        let _second = take("::ffff:192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), Full::Address);
        let _other = take("192.0.2.2").unwrap();
        drop(first);
        let _third = take("192.0.2.1").unwrap();
        let _six = [take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap()];
        assert_eq!(take("2001:db8:0:0:ffff::1").unwrap_err(), Full::Address);
        assert!(take("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn an_address_without_connections_is_not_kept() {
        let (places, take) = places(1000);
        let taken: Vec<_> = (0..=255).map(|n| take(&format!("192.0.2.{n}")).unwrap()).collect();
        assert_eq!(places.table().counts.len(), 256);
        drop(taken);
        assert!(places.table().counts.is_empty() && places.table().seats.is_empty());
    }

    #[test]
    fn an_address_that_a_proxy_names_later_counts_from_then_on() {
        let (places, take) = places(100);
        let named: IpAddr = "192.0.2.1".parse().unwrap();
        let behind: Vec<_> = (0..3).map(|_| places.take(None, usize::MAX).unwrap()).collect();
        assert!(behind[0].belongs_to(named, 2) && behind[1].belongs_to(named, 2));
        assert!(!behind[2].belongs_to(named, 2));
        assert_eq!(take("192.0.2.1").unwrap_err(), Full::Address);
        drop(behind);
        assert!(take("192.0.2.1").is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn near_the_limit_the_address_with_the_most_gives_way() {
        let places = Places::new(20);
        let take = |last: u8| places.take(Some(IpAddr::from([192, 0, 2, last])), 20);
        let _few: Vec<_> = (2..4).map(|last| take(last).unwrap()).collect();
        let mut many = Vec::new();
        for _ in 0..16 {
            many.push(take(1).unwrap());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let gone = || many.iter().filter(|place| place.leave.is_cancelled()).count();
        assert_eq!(gone(), 0);
        let _stranger = take(9).unwrap();
        assert!(many[0].leave.is_cancelled() && gone() == 1);
        // One that has just come does not push another of its own address out.
        let _own: Vec<_> = (0..2).map(|_| take(1).unwrap()).collect();
        assert_eq!((gone(), take(1).unwrap_err()), (1, Full::All));
        tokio::time::sleep(Duration::from_secs(2)).await;
        let _next = take(1).unwrap();
        assert_eq!(gone(), 2);
        // Giving a lost place back takes nothing from others.
        drop(many);
        assert_eq!(places.table().seats.len(), 6);
    }
}
