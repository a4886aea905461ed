//! Random bytes for keys and secrets.
//!
//! There is one policy for a system that gives none: panic. A secret made without them would be guessable, nothing in
//! the program can mend it, and on Linux it does not happen once the kernel has booted (getrandom(2)).

use ring::rand::{SecureRandom, SystemRandom};

/// Fills `bytes` with random bytes of the operating system.
///
/// # Panics
/// When the system gives none.
pub fn fill(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("the system gives random bytes");
}

/// `N` random bytes of the operating system.
///
/// # Panics
/// As [`fill`].
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
