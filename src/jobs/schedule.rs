//! The pauses between the runs of a job.

use std::time::Duration;

use crate::seal::random;

/// Longest pause after failures, in periods.
const LONGEST: u32 = 10;

/// The pause before the next run, after `failures` failed runs in a row.
///
/// It doubles with each failure, up to ten periods, and is shortened or lengthened by up to a tenth, so that instances
/// that started together do not stay together.
pub(super) fn pause(period: Duration, failures: u32) -> Duration {
    let periods = 2_u32.saturating_pow(failures).min(LONGEST);
    period.saturating_mul(periods).mul_f64(0.9 + random::fraction() / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_periods() {
        let minute = Duration::from_secs(60);
        for (failures, periods) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 10), (1000, 10)] {
            let (low, high) = (minute * periods * 9 / 10, minute * periods * 11 / 10);
            let pause = pause(minute, failures);
            assert!((low..=high).contains(&pause), "{failures}: {pause:?}");
        }
    }

    #[test]
    fn pauses_differ() {
        let pauses: Vec<_> = (0..9).map(|_| pause(Duration::from_secs(60), 0)).collect();
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    }
}
