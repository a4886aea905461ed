//! Session tickets: clients keep their TLS session, encrypted, and every instance can resume it.
//!
//! An attacker who learns the key of a ticket can read the connections that were resumed with it (in TLS 1.2; TLS 1.3
//! agrees on a new secret each time). So a key encrypts for an epoch of twelve hours and is accepted for one more.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::server::ProducesTickets;

use crate::seal::EpochSealer;

/// How long one key encrypts tickets.
const EPOCH: Duration = Duration::from_secs(12 * 60 * 60);

/// Makes and opens tickets. A ticket is its epoch in eight bytes, big endian, and the sealed session.
#[derive(Debug)]
pub(super) struct Tickets {
    sealer: Arc<EpochSealer>,
    /// The authorities for client certificates. A session that began under others cannot be resumed.
    context: Vec<u8>,
}

impl Tickets {
    pub(super) fn new(sealer: Arc<EpochSealer>, context: Vec<u8>) -> Self {
        Self { sealer, context }
    }

    fn seal_at(&self, now: u64, plain: &[u8]) -> Vec<u8> {
        let sealed = self.sealer.seal(now, &self.context, plain);
        [&now.to_be_bytes()[..], &sealed].concat()
    }

    fn open_at(&self, now: u64, ticket: &[u8]) -> Option<Vec<u8>> {
        let (epoch, sealed) = ticket.split_first_chunk()?;
        let epoch = u64::from_be_bytes(*epoch);
        // The next epoch is accepted too, because the clock of another instance may be ahead.
        let accepted = now.saturating_sub(1)..=now.saturating_add(1);
        if !accepted.contains(&epoch) {
            return None;
        }
        self.sealer.open(epoch, &self.context, sealed)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(EPOCH.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(self.seal_at(epoch(SystemTime::now()), plain))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open_at(epoch(SystemTime::now()), ticket)
    }
}

fn epoch(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / EPOCH.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::seal::SigningSecret;

    #[test]
    fn a_ticket_opens_in_its_epoch_and_the_next() {
        let secret = SigningSecret::new(Secret::new("a secret of some length")).unwrap();
        let sealer = || Arc::new(EpochSealer::new(&secret, "TLS tickets"));
        let tickets = |context: &[u8]| Tickets::new(sealer(), context.to_vec());
        let (ours, others) = (tickets(b"roots"), tickets(b"other roots"));
        let ticket = ours.seal_at(1000, b"session");
        for now in [999, 1000, 1001] {
            assert_eq!(ours.open_at(now, &ticket).as_deref(), Some(&b"session"[..]), "{now}");
        }
        for now in [0, 998, 1002, u64::MAX] {
            assert_eq!(ours.open_at(now, &ticket), None, "{now}");
        }
        assert_eq!(others.open_at(1000, &ticket), None);
        for garbage in [&b""[..], b"1234567", &[0xff; 8], &[0; 200]] {
            assert_eq!(ours.open_at(1000, garbage), None);
        }
    }
}
