//! Exemplars: for each bucket of a histogram, the trace of the last request whose value fell into it.
//!
//! They lead from a slow bucket of a dashboard to a request that was as slow. Only requests with a recorded trace leave one.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use metrics::{Histogram, histogram};

/// The exemplars of the process, by the first part of their bucket's line: the name, and all labels but `le`. There are as
/// many as there are buckets.
static EXEMPLARS: LazyLock<RwLock<HashMap<String, Arc<Buckets>>>> = LazyLock::new(RwLock::default);

/// A series of a histogram of durations whose buckets have exemplars.
pub(super) struct Exemplary {
    histogram: Histogram,
    buckets: Arc<Buckets>,
}

/// The exemplars of one series.
struct Buckets {
    bounds: &'static [f64],
    /// One for each bound, and one for the bucket without an upper bound. There are none before the first recorded trace.
    last: OnceLock<Box<[Mutex<Option<Exemplar>>]>>,
}

/// A value that a histogram recorded, and the request it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// The trace of the request.
    pub trace: u128,
    /// What the histogram recorded.
    pub value: f64,
    /// When it was recorded.
    pub at: SystemTime,
}

impl Exemplary {
    /// Asks the recorder for the series. `bounds` are the upper bounds of its buckets.
    pub(super) fn find<const N: usize>(
        name: &'static str,
        labels: [(&'static str, &'static str); N],
        bounds: &'static [f64],
    ) -> Self {
        let mut exemplars = EXEMPLARS.write().unwrap_or_else(PoisonError::into_inner);
        let buckets = exemplars.entry(series(name, labels));
        let buckets =
            buckets.or_insert_with(|| Arc::new(Buckets { bounds, last: OnceLock::new() }));
        Self { histogram: histogram!(name, &labels), buckets: Arc::clone(buckets) }
    }

    /// Records how long a request took, and keeps its recorded `trace` as the exemplar of its bucket.
    pub(super) fn record(&self, took: Duration, trace: Option<u128>) {
        self.histogram.record(took);
        if let Some(trace) = trace {
            let value = took.as_secs_f64();
            self.buckets.put(Exemplar { trace, value, at: SystemTime::now() });
        }
    }
}

/// Whether a request has left an exemplar since the process began.
pub fn any() -> bool {
    let exemplars = EXEMPLARS.read().unwrap_or_else(PoisonError::into_inner);
    exemplars.values().any(|buckets| buckets.last.get().is_some())
}

/// The exemplars of a series, if it has any, by the bounds of its buckets. `series` is the line of each bucket up to the label
/// `le`, whose value is the bound.
pub fn of(series: &str) -> Option<impl Fn(f64) -> Option<Exemplar> + use<>> {
    let exemplars = EXEMPLARS.read().unwrap_or_else(PoisonError::into_inner);
    let buckets = Arc::clone(exemplars.get(series)?);
    buckets.last.get()?;
    Some(move |bound| {
        let last = &buckets.last.get()?[buckets.place(bound)];
        *last.lock().unwrap_or_else(PoisonError::into_inner)
    })
}

/// The line of a bucket up to the label `le`, as the recorder writes it. The values of `labels` need no escapes.
fn series<const N: usize>(name: &str, labels: [(&str, &str); N]) -> String {
    let mut series = format!("{name}_bucket{{");
    for (name, value) in labels {
        let _ = write!(series, "{name}=\"{value}\",");
    }
    series
}

impl Buckets {
    /// The place of the first bucket that holds `value`.
    fn place(&self, value: f64) -> usize {
        self.bounds.partition_point(|bound| value > *bound)
    }

    fn put(&self, exemplar: Exemplar) {
        let empty = || (0..=self.bounds.len()).map(|_| Mutex::default()).collect();
        let last = &self.last.get_or_init(empty)[self.place(exemplar.value)];
        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(exemplar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_the_last_value_that_fell_into_it_and_no_other() {
        let find = || {
            let labels = [("a", "b"), ("c", "d")];
            Exemplary::find("kept_seconds", labels, &[0.5, 1.0, 2.5, 5.0])
        };
        let kept = find();
        let values = [(1.0, Some(1)), (2.1, Some(2)), (2.2, Some(3)), (70.0, Some(4)), (2.0, None)];
        for (value, trace) in values {
            kept.record(Duration::from_secs_f64(value), trace);
        }
        // Who finds the series again finds its exemplars.
        find().record(Duration::from_secs(1), Some(5));
        assert!(any());
        let series = r#"kept_seconds_bucket{a="b",c="d","#;
        let traces = [0.5, 1.0, 2.5, 5.0, f64::INFINITY].map(of(series).unwrap());
        let traces = traces.map(|exemplar| exemplar.map(|exemplar| exemplar.trace));
        assert_eq!(traces, [None, Some(5), Some(3), None, Some(4)]);
        assert!(of(r#"kept_seconds_bucket{a="b","#).is_none());
    }
}
