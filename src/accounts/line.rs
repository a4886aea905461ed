//! A waiting line of bounded length. A caller from a network where many wait already waits behind callers from others.

use crate::config::Network;

/// What decides who is next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Whether somebody has logged in from the caller's address before: such callers go first.
    pub(crate) familiar: bool,
    /// The network whose callers are counted together.
    pub(crate) network: Network,
}

/// The line, of at most `most` callers.
#[derive(Debug)]
pub(super) struct Line<T> {
    most: usize,
    waiting: Vec<Waiting<T>>,
    arrivals: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    rank: Rank,
    place: Place,
    item: T,
}

/// The lowest is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    stranger: bool,
    /// How many of the same network were waiting at the arrival.
    ahead: usize,
    arrival: u64,
}

impl<T> Line<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, waiting: Vec::with_capacity(most), arrivals: 0 }
    }

    /// Takes a caller into the line, and answers whether there was a place. In a full line a caller of higher rank
    /// takes the place of the last one, who is dropped.
    pub(super) fn join(&mut self, place: Place, item: T) -> bool {
        self.arrivals += 1;
        let rank = Rank {
            stranger: !place.familiar,
            ahead: self.waiting.iter().filter(|other| other.place.network == place.network).count(),
            arrival: self.arrivals,
        };
        let waiting = Waiting { rank, place, item };
        if self.waiting.len() < self.most {
            self.waiting.push(waiting);
            return true;
        }
        match self.waiting.iter_mut().max_by_key(|other| other.rank) {
            Some(last) if (last.rank.stranger, last.rank.ahead) > (rank.stranger, rank.ahead) => {
                *last = waiting;
                true
            }
            _ => false,
        }
    }

    /// Takes the next one out of the line.
    pub(super) fn next(&mut self) -> Option<T> {
        let ranks = self.waiting.iter().enumerate().map(|(at, waiting)| (waiting.rank, at));
        let (_, at) = ranks.min()?;
        Some(self.waiting.swap_remove(at).item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(familiar: bool, network: &str) -> Place {
        Place { familiar, network: network.parse().unwrap() }
    }

    fn all(mut line: Line<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| line.next()).collect()
    }

    #[test]
    fn an_address_seen_before_goes_first() {
        let mut line = Line::new(9);
        for (name, familiar) in [("stranger", false), ("friend", true), ("other", false)] {
            assert!(line.join(place(familiar, "192.0.2.0/24"), name));
        }
        assert_eq!(all(line), ["friend", "stranger", "other"]);
    }

    #[test]
    fn a_crowd_of_one_network_waits_behind_others() {
        let mut line = Line::new(9);
        for name in ["crowd 1", "crowd 2", "crowd 3"] {
            assert!(line.join(place(false, "2001:db8::/56"), name));
        }
        assert!(line.join(place(false, "192.0.2.0/24"), "one"));
        assert_eq!(all(line), ["crowd 1", "one", "crowd 2", "crowd 3"]);
    }

    #[test]
    fn a_full_line_takes_only_callers_of_higher_rank() {
        let mut line = Line::new(3);
        for name in ["crowd 1", "crowd 2", "crowd 3"] {
            assert!(line.join(place(false, "192.0.2.0/24"), name));
        }
        assert!(!line.join(place(false, "192.0.2.0/24"), "crowd 4"));
        assert!(line.join(place(false, "198.51.100.0/24"), "one"));
        assert!(line.join(place(true, "203.0.113.0/24"), "friend"));
        // Nobody who is left is of lower rank than this one.
        assert!(!line.join(place(false, "203.0.113.0/24"), "late"));
        assert_eq!(all(line), ["friend", "crowd 1", "one"]);
    }
}
