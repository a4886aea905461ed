//! Random bytes that nobody can guess.

use ring::rand::{SecureRandom, SystemRandom};

/// Fills `bytes`.
///
/// # Panics
/// When the system gives none: whatever was made without them would be a secret that is known.
pub fn fill(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("the system gives random bytes");
}

/// `N` of them.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
