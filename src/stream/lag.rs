//! How far a client is behind a minimum rate.

use std::time::Duration;

use tokio::time::Instant;

/// Adds up the time that was spent waiting for a client, and takes off the time that the bytes which it moved may take
/// at a minimum rate. Time in which nobody waits for the client does not count.
#[derive(Clone, Debug)]
pub struct Lag {
    /// Bytes a second; 0 for no minimum, so that any byte makes up for all time.
    rate: u64,
    /// How far a client can be ahead of the rate, so that a pause after many bytes does not count.
    credit: Duration,
    /// Time behind the rate, plus the credit.
    level: Duration,
    /// Begin of the wait that is not added yet.
    since: Option<Instant>,
}

impl Lag {
    /// A client that is neither behind nor ahead, and that nobody waits for.
    pub fn new(rate: u64, credit: Duration) -> Self {
        Self { rate, credit, level: credit, since: None }
    }

    /// Notes that the client has to move bytes from now on.
    pub fn wait(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Notes that nobody waits for the client any more.
    pub fn pause(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.level += now.saturating_duration_since(since);
        }
    }

    /// Notes that the client moved bytes while nobody waits for it.
    pub fn moved(&mut self, bytes: usize) {
        self.level = match (bytes, self.rate) {
            (0, _) => self.level,
            (_, 0) => Duration::ZERO,
            (bytes, rate) => self.level.saturating_sub(time_of(bytes as u64, rate)),
        };
    }

    /// Notes that the client moved bytes while it may be waited for. A wait goes on.
    pub fn moved_at(&mut self, bytes: usize, now: Instant) {
        let waits = self.since.is_some();
        self.pause(now);
        self.moved(bytes);
        if waits {
            self.wait(now);
        }
    }

    /// Forgets how far the client was behind or ahead.
    pub fn restart(&mut self) {
        *self = Self::new(self.rate, self.credit);
    }

    /// How far the client is behind.
    pub fn behind(&self, now: Instant) -> Duration {
        let waited = self.since.map_or(Duration::ZERO, |it| now.saturating_duration_since(it));
        (self.level + waited).saturating_sub(self.credit)
    }

    /// How far the client is behind, if it is and somebody waits for it.
    pub fn slow(&self, now: Instant) -> Option<Duration> {
        self.since?;
        Some(self.behind(now)).filter(|behind| !behind.is_zero())
    }

    /// When the client will be behind by `time` if it moves no byte until then. `None` while nobody waits for it.
    pub fn reaches(&self, time: Duration) -> Option<Instant> {
        Some(self.since? + (self.credit + time).saturating_sub(self.level))
    }
}

/// The time that `bytes` take at `rate` bytes a second. A rate of 0 takes no time.
pub fn time_of(bytes: u64, rate: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
    if rate == 0 {
        return Duration::ZERO;
    }
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn bytes_make_up_for_waits_and_only_for_waits() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut lag = Lag::new(1024, Duration::ZERO);
        assert_eq!(lag.behind(at(100)), Duration::ZERO);
        assert_eq!(lag.reaches(SECOND), None);
        lag.wait(at(100));
        lag.wait(at(105));
        assert_eq!(lag.behind(at(110)), SECOND * 10);
        lag.moved_at(4 * 1024, at(110));
        assert_eq!(lag.behind(at(110)), SECOND * 6);
        assert_eq!(lag.reaches(SECOND * 60), Some(at(164)));
        lag.pause(at(111));
        assert_eq!(lag.behind(at(500)), SECOND * 7);
        lag.moved(1 << 20);
        lag.wait(at(500));
        assert_eq!(lag.behind(at(501)), SECOND);
        lag.restart();
        assert_eq!((lag.behind(at(600)), lag.reaches(SECOND)), (Duration::ZERO, None));
    }

    #[test]
    fn a_client_can_be_ahead_up_to_its_credit() {
        let start = Instant::now();
        let at = |seconds| start + SECOND * seconds;
        let mut lag = Lag::new(1024, SECOND * 10);
        lag.wait(at(0));
        assert_eq!(lag.behind(at(3)), SECOND * 3);
        lag.moved_at(1 << 30, at(3));
        assert_eq!(lag.behind(at(13)), Duration::ZERO);
        assert_eq!(lag.behind(at(14)), SECOND);
        assert_eq!(lag.reaches(SECOND * 2), Some(at(15)));
    }

    #[test]
    fn without_a_rate_any_byte_is_enough() {
        let start = Instant::now();
        let mut lag = Lag::new(0, Duration::ZERO);
        lag.wait(start);
        lag.moved_at(1, start + SECOND * 59);
        assert_eq!(lag.behind(start + SECOND * 60), SECOND);
        assert_eq!(time_of(5, 0), Duration::ZERO);
        assert_eq!(time_of(4 << 20, 1 << 10), SECOND * 4096);
        assert_eq!(time_of(u64::MAX, 1), Duration::from_nanos(u64::MAX));
    }
}
