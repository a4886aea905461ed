//! Exemplars: for each bucket of a histogram, the trace of the last request whose value fell into it.
//!
//! They lead from a slow bucket of a dashboard to a request that was as slow. Only requests with a recorded trace leave one.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The exemplars of the process, by the first part of their bucket's line: the name, and all labels but `le`. There are as
/// many as there are buckets.
static EXEMPLARS: LazyLock<Mutex<HashMap<String, Buckets>>> = LazyLock::new(Mutex::default);

/// The exemplars of one series, the last of them of the bucket without an upper bound.
struct Buckets {
    bounds: &'static [f64],
    last: Vec<Option<Exemplar>>,
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

/// Keeps `value` as the exemplar of its bucket, if the request has a recorded `trace`. `bounds` are the upper bounds of the
/// histogram's buckets.
pub(super) fn keep<const N: usize>(
    histogram: &str,
    labels: [(&str, &str); N],
    bounds: &'static [f64],
    value: f64,
    trace: Option<u128>,
) {
    let Some(trace) = trace else { return };
    let exemplar = Exemplar { trace, value, at: SystemTime::now() };
    let mut exemplars = lock();
    let buckets = exemplars.entry(series(histogram, labels)).or_insert_with(|| Buckets::of(bounds));
    buckets.put(exemplar);
}

/// Whether a request has left an exemplar since the process began.
pub fn any() -> bool {
    !lock().is_empty()
}

/// The exemplar of a bucket. `series` is the line of the bucket up to the label `le`, and `bound` is the value of that label.
pub fn of(series: &str, bound: f64) -> Option<Exemplar> {
    lock().get(series).and_then(|buckets| buckets.last[buckets.place(bound)])
}

fn lock() -> MutexGuard<'static, HashMap<String, Buckets>> {
    EXEMPLARS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The line of a bucket up to the label `le`, as the recorder writes it. The values of `labels` need no escapes.
fn series<const N: usize>(histogram: &str, labels: [(&str, &str); N]) -> String {
    let mut series = format!("{histogram}_bucket{{");
    for (name, value) in labels {
        let _ = write!(series, "{name}=\"{value}\",");
    }
    series
}

impl Buckets {
    fn of(bounds: &'static [f64]) -> Self {
        Self { bounds, last: vec![None; bounds.len() + 1] }
    }

    /// The place of the first bucket that holds `value`.
    fn place(&self, value: f64) -> usize {
        self.bounds.partition_point(|bound| value > *bound)
    }

    fn put(&mut self, exemplar: Exemplar) {
        let place = self.place(exemplar.value);
        self.last[place] = Some(exemplar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_the_last_value_that_fell_into_it_and_no_other() {
        let values = [(1.0, Some(1)), (2.1, Some(2)), (2.2, Some(3)), (70.0, Some(4)), (2.0, None)];
        for (value, trace) in values {
            keep("kept_seconds", [("a", "b"), ("c", "d")], &[0.5, 1.0, 2.5, 5.0], value, trace);
        }
        assert!(any());
        let series = r#"kept_seconds_bucket{a="b",c="d","#;
        let traces = [0.5, 1.0, 2.5, 5.0, f64::INFINITY].map(|bound| of(series, bound));
        let traces = traces.map(|exemplar| exemplar.map(|exemplar| exemplar.trace));
        assert_eq!(traces, [None, Some(1), Some(3), None, Some(4)]);
        assert_eq!(of(r#"kept_seconds_bucket{a="b","#, 1.0), None);
    }
}
