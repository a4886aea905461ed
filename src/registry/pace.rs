//! The pace of background work that moves bytes.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How much slower the work goes while clients move bytes.
const YIELD: u32 = 4;

/// Longest time that is made up for after the work had to wait.
const ARREARS: Duration = Duration::from_secs(1);

/// Keeps work at a number of bytes per second.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time for one byte. `None` for work without a limit.
    byte: Option<f64>,
    next: Instant,
}

impl Pace {
    /// At most this many bytes per second. `None` sets no limit.
    pub(super) fn new(rate: Option<u64>) -> Self {
        let byte = rate.map(|rate| 1.0 / rate.max(1) as f64);
        Self { byte, next: Instant::now() }
    }

    /// Notes that this many bytes have moved, and waits until the next may. `yielding` makes it slower.
    pub(super) async fn moved(&mut self, bytes: usize, yielding: bool) {
        let Some(byte) = self.byte else { return };
        let cost = Duration::from_secs_f64(byte * bytes as f64);
        let cost = if yielding { cost * YIELD } else { cost };
        let earliest = Instant::now().checked_sub(ARREARS).unwrap_or(self.next);
        self.next = self.next.max(earliest) + cost;
        sleep_until(self.next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_take_their_time_and_longer_beside_others() {
        let (mut pace, began) = (Pace::new(Some(1000)), Instant::now());
        for _ in 0..10 {
            pace.moved(500, false).await;
        }
        assert_eq!(began.elapsed().as_secs(), 5);
        pace.moved(500, true).await;
        assert_eq!(began.elapsed().as_secs(), 7);
        // A wait of another cause is made up for in part only.
        tokio::time::advance(Duration::from_secs(60)).await;
        let late = Instant::now();
        pace.moved(3000, false).await;
        assert_eq!(late.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let (mut pace, began) = (Pace::new(None), Instant::now());
        pace.moved(usize::MAX, true).await;
        assert!(began.elapsed().is_zero());
    }
}
