//! Which connections give way to a new one when places run out.

use std::cmp::Reverse;
use std::time::Duration;

use super::activity::Claim;
use crate::config::Network;

/// How long a connection must have been idle to give way to one of an address with as few connections.
const GRACE: Duration = Duration::from_secs(1);

/// A new connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomer {
    /// Its address; `None` if that is not known yet.
    pub(super) customer: Option<Network>,
    /// Connections of its address, with this one.
    pub(super) count: usize,
}

/// A connection that has a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) id: u64,
    pub(super) customer: Option<Network>,
    /// Connections of its address.
    pub(super) count: usize,
    pub(super) claim: Claim,
    /// How long it has moved no bytes, or how far it is behind the minimum rate.
    pub(super) idle: Duration,
}

/// The size of an address, by which addresses of about as many connections are the same.
fn size(count: usize) -> u32 {
    count.max(1).ilog2()
}

impl Newcomer {
    pub(super) fn is_larger_than(&self, other: &Self) -> bool {
        size(self.count) >= size(other.count)
    }

    /// Whether this connection may take the place of that one. `full` if no place is free.
    fn displaces(&self, candidate: &Candidate, full: bool) -> bool {
        let (own, other) = (size(self.count), size(candidate.count));
        let smaller = own < other && self.customer != candidate.customer;
        match candidate.claim {
            Claim::Idle | Claim::SlowStranger | Claim::Slow => {
                smaller || own <= other && candidate.idle >= GRACE
            }
            Claim::Stranger => full && smaller,
            Claim::Working => false,
        }
    }
}

/// The connections that give way, at most `most` of them.
///
/// Those of the addresses with the most connections come first, and among these the ones between two requests, then
/// those that move no bytes (of callers that have not logged in before others), each time the longest idle first. A
/// caller that has not logged in and moves bytes gives way only to an address with less than half as many connections,
/// when all places are taken. Nobody else who moves bytes, or waits for this server, ever gives way.
pub(super) fn choose(
    candidates: impl Iterator<Item = Candidate>,
    newcomer: &Newcomer,
    full: bool,
    most: usize,
) -> Vec<u64> {
    let mut found: Vec<_> = candidates.filter(|it| newcomer.displaces(it, full)).collect();
    found.sort_by_key(|it| (Reverse(size(it.count)), it.claim, Reverse(it.idle)));
    // A transfer is broken for one newcomer, never ahead of the need.
    let idle = found.iter().take_while(|it| it.claim != Claim::Stranger).count();
    found.truncate(idle.max(1).min(most));
    found.into_iter().map(|it| it.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    const NOBODY: [u64; 0] = [];

    fn network(last: u8) -> Option<Network> {
        Some(Network::of_customer([192, 0, 2, last].into()))
    }

    fn candidate(id: u64, last: u8, count: usize, claim: Claim, idle: Duration) -> Candidate {
        Candidate { id, customer: network(last), count, claim, idle }
    }

    fn chosen(candidates: &[Candidate], count: usize, full: bool, most: usize) -> Vec<u64> {
        let newcomer = Newcomer { customer: network(9), count };
        choose(candidates.iter().copied(), &newcomer, full, most)
    }

    #[test]
    fn the_largest_address_comes_first_and_in_it_the_longest_idle() {
        let all = [
            candidate(1, 1, 4, Claim::Idle, LONG * 10),
            candidate(2, 2, 500, Claim::Slow, LONG * 3),
            candidate(3, 2, 500, Claim::SlowStranger, LONG),
            candidate(4, 2, 500, Claim::SlowStranger, LONG * 2),
            candidate(5, 3, 400, Claim::Idle, Duration::ZERO),
            candidate(6, 2, 500, Claim::Working, LONG),
            candidate(7, 2, 500, Claim::Stranger, LONG),
        ];
        assert_eq!(chosen(&all, 1, false, 10), [5, 4, 3, 2, 1]);
        assert_eq!(chosen(&all, 1, false, 2), [5, 4]);
        assert_eq!(chosen(&all[5..], 1, false, 10), NOBODY);
        assert_eq!(chosen(&all[5..], 1, true, 10), [7]);
    }

    #[test]
    fn a_large_address_displaces_no_small_one() {
        let all = [candidate(1, 1, 4, Claim::Idle, LONG), candidate(2, 2, 63, Claim::Idle, LONG)];
        assert_eq!(chosen(&all, 60, true, 10), [2]);
        assert_eq!(chosen(&all, 64, true, 10), NOBODY);
    }

    #[test]
    fn one_of_many_waits_for_a_moment_and_breaks_no_transfer() {
        let own =
            |claim, idle| Candidate { customer: network(9), ..candidate(1, 9, 500, claim, idle) };
        assert_eq!(chosen(&[own(Claim::Idle, GRACE / 2)], 500, true, 10), NOBODY);
        assert_eq!(chosen(&[own(Claim::Idle, GRACE)], 500, true, 10), [1]);
        assert_eq!(chosen(&[own(Claim::Stranger, LONG)], 500, true, 10), NOBODY);
        assert_eq!(chosen(&[own(Claim::Working, LONG)], 500, true, 10), NOBODY);
    }
}
