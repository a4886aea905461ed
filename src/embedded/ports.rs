//! Finds free ports on loopback.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

const LOWEST: u16 = 16_384;
const TRIES: u32 = 64;

/// Two ports on which no process listens.
///
/// They are below the range that the kernel uses for outgoing connections. While a server restarts, an outgoing
/// connection could take a port from that range, even one of our own connections to that very port.
pub(super) fn free_pair() -> io::Result<(u16, u16)> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let outgoing = range.split_whitespace().next().and_then(|low| low.parse().ok());
    let outgoing = outgoing.unwrap_or(32_768);
    // Both are bound at the same time, so that they differ.
    let (first, second) = (free(outgoing)?, free(outgoing)?);
    Ok((first.local_addr()?.port(), second.local_addr()?.port()))
}

fn free(outgoing: u16) -> io::Result<TcpListener> {
    let span = outgoing.saturating_sub(LOWEST);
    let random = RandomState::new();
    // Some machines use nearly all ports for outgoing connections. The kernel chooses one then.
    let tries = if span < 1024 { 0 } else { TRIES };
    for attempt in 0..tries {
        let offset = random.hash_one(attempt) % u64::from(span);
        let port = LOWEST + u16::try_from(offset).unwrap_or_default();
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_ports_are_free() {
        let (first, second) = free_pair().unwrap();
        assert_ne!(first, second);
        TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
    }
}
