//! Pauses after a partner could not be reached.

use std::time::Duration;

use crate::seal::random;

/// Pauses that double with each failure in a row, from `first` to `longest`.
///
/// Each is up to a fifth longer, at random, so that instances that failed together do not try again together.
#[derive(Clone, Debug)]
pub struct BackOff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl BackOff {
    /// No failure has happened yet.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Counts one more failure and returns the pause before the next try.
    pub fn failed(&mut self) -> Duration {
        let pause = self.first.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        pause.min(self.longest).mul_f64(1.0 + random::fraction() / 5.0)
    }

    /// Starts again with the first pause.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut back_off = BackOff::new(Duration::from_secs(10), Duration::from_secs(600));
        let pauses: Vec<_> = (0..99).map(|_| back_off.failed().as_secs()).collect();
        assert!((10..=12).contains(&pauses[0]) && (20..=24).contains(&pauses[1]), "{pauses:?}");
        assert!((600..=720).contains(&pauses[8]) && (600..=720).contains(&pauses[98]));
        back_off.succeeded();
        assert!((10..=12).contains(&back_off.failed().as_secs()));
        assert!((0.0..=1.0).contains(&random::fraction()));
    }
}
