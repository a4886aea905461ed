//! A gauge that counts values that live.

use metrics::Gauge;

/// A gauge that is higher by one while this value lives.
#[derive(Debug)]
pub struct Raised(Gauge);

impl Raised {
    pub(super) fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
