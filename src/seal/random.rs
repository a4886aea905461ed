//! Random bytes for keys and secrets, and random fractions for pauses.
//!
//! When the operating system has no random bytes, these functions panic. A secret made without them could be guessed,
//! and no caller could do better than stop. On Linux this does not happen once the kernel has booted (getrandom(2)).

use ring::rand::{SecureRandom, SystemRandom};

/// Fills `bytes` with random bytes from the operating system.
///
/// # Panics
/// If the operating system has none.
pub fn fill(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("the system gives random bytes");
}

/// Returns `N` random bytes from the operating system.
///
/// # Panics
/// As [`fill`].
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// Returns a random number from 0 to 1. Instances use it to spread what they would otherwise do at the same time.
///
/// # Panics
/// As [`fill`].
pub fn fraction() -> f64 {
    f64::from(u16::from_be_bytes(bytes())) / f64::from(u16::MAX)
}
