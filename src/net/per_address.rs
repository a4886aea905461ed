//! Counts the connections of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Network;

/// Numbers of connections by address, for IPv6 by the /64 of a customer. Cheap to clone; clones share the numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<Network, usize>>>);

impl Addresses {
    /// Counts one more connection of `address`. `None` if it has `limit` of them already.
    pub(super) fn enter(&self, address: IpAddr, limit: usize) -> Option<Entered> {
        let customer = Network::of_customer(address);
        let mut counts = self.counts();
        let count = counts.entry(customer).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Entered { addresses: self.clone(), customer })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One counted connection, until this value is dropped.
#[derive(Debug)]
pub(super) struct Entered {
    addresses: Addresses,
    customer: Network,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts();
        if let Some(count) = counts.get_mut(&self.customer) {
            *count -= 1;
            // Only addresses with a connection stay in the map.
            if *count == 0 {
                counts.remove(&self.customer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_count_and_ipv6_one_a_customer() {
        let addresses = Addresses::default();
        let enter = |text: &str| addresses.enter(text.parse().unwrap(), 2);
        let first = enter("192.0.2.1").unwrap();
        let _second = enter("::ffff:192.0.2.1").unwrap();
        assert!(enter("192.0.2.1").is_none());
        let _other = enter("192.0.2.2").unwrap();
        drop(first);
        let _third = enter("192.0.2.1").unwrap();
        let _six = [enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap()];
        assert!(enter("2001:db8:0:0:ffff::1").is_none());
        assert!(enter("2001:db8:0:1::1").is_some());
    }

    #[test]
    fn an_address_without_connections_is_not_kept() {
        let addresses = Addresses::default();
        let entered: Vec<_> = (0..=255)
            .map(|last| addresses.enter(IpAddr::from([192, 0, 2, last]), 1).unwrap())
            .collect();
        assert_eq!(addresses.counts().len(), 256);
        drop(entered);
        assert!(addresses.counts().is_empty());
    }
}
