//! The figures of a run, as text and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Log, Step};
use crate::machine::Cost;
use crate::plan::Plan;

const MIB: f64 = 1048576.0;

/// The figures of a run.
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) elapsed: Duration,
    pub(crate) steps: Vec<Figures>,
    pulled: u64,
    pushed: u64,
    hashed: u64,
    busy: u64,
    errors: Vec<(String, u64)>,
    cost: Cost,
}

/// The latencies of one step.
pub(crate) struct Figures {
    pub(crate) step: Step,
    /// All latencies in milliseconds, in order.
    latencies: Vec<f64>,
}

impl Figures {
    fn new(step: Step, log: &Log) -> Option<Self> {
        let of_step = log.samples.iter().filter(|sample| sample.step == step);
        let mut latencies: Vec<f64> =
            of_step.map(|sample| sample.took.as_secs_f64() * 1000.0).collect();
        latencies.sort_by(f64::total_cmp);
        (!latencies.is_empty()).then_some(Self { step, latencies })
    }

    /// The latency that `percent` of all steps do not exceed, in milliseconds (nearest rank).
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.latencies.len() as f64).ceil() as usize;
        self.latencies[rank.clamp(1, self.latencies.len()) - 1]
    }
}

impl Report {
    pub(crate) fn new(plan: &Plan, log: &Log, elapsed: Duration, cost: Cost) -> Self {
        let bytes = |step: Step| -> u64 {
            let of_step = log.samples.iter().filter(|sample| sample.step == step);
            of_step.map(|sample| sample.bytes).sum()
        };
        Self {
            title: plan.title(),
            elapsed,
            steps: Step::ALL.iter().filter_map(|step| Figures::new(*step, log)).collect(),
            pulled: bytes(Step::PullBlob),
            pushed: bytes(Step::PushBlob),
            hashed: log.hashed,
            busy: log.busy,
            errors: log.errors.iter().map(|(text, count)| (text.clone(), *count)).collect(),
            cost,
        }
    }

    /// CPU seconds that the driver spent on digests.
    fn hashing(&self) -> f64 {
        self.hashed as f64 / (1u64 << 30) as f64 * self.cost.hashing
    }

    pub(crate) fn json(&self) -> Value {
        let steps = self.steps.iter().map(|it| {
            let figures = json!({
                "count": it.latencies.len(),
                "p50_ms": it.percentile(50.0),
                "p95_ms": it.percentile(95.0),
                "p99_ms": it.percentile(99.0),
                "max_ms": it.percentile(100.0),
            });
            (it.step.name().replace(' ', "_"), figures)
        });
        json!({
            "title": self.title,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "pulled_bytes": self.pulled,
            "pushed_bytes": self.pushed,
            "steps": steps.collect::<serde_json::Map<_, _>>(),
            "answers_503": self.busy,
            "errors": self.errors.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "server_cpu_s": self.cost.server,
            "server_peak_mib": self.cost.peak,
            "driver_cpu_s": self.cost.driver,
            "driver_digests_s": self.hashing(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        writeln!(f, "{}", self.title)?;
        writeln!(
            f,
            "{:<20}{:>9}{:>11}{:>11}{:>11}{:>11}",
            "ms", "count", "p50", "p95", "p99", "max"
        )?;
        for it in &self.steps {
            write!(f, "{:<20}{:>9}", it.step.name(), it.latencies.len())?;
            for percent in [50.0, 95.0, 99.0, 100.0] {
                write!(f, "{:>11.2}", it.percentile(percent))?;
            }
            writeln!(f)?;
        }
        for (what, bytes) in [("pulled", self.pulled), ("pushed", self.pushed)] {
            if bytes > 0 {
                let (all, rate) = (bytes as f64 / MIB, bytes as f64 / MIB / seconds);
                writeln!(f, "{what} {all:.1} MiB in {seconds:.2} s, {rate:.1} MiB/s")?;
            }
        }
        if let (Some(cpu), Some(peak)) = (self.cost.server, self.cost.peak) {
            writeln!(f, "server: {cpu:.2} CPU seconds, at most {peak:.1} MiB resident")?;
        }
        let (driver, digests) = (self.cost.driver, self.hashing());
        writeln!(f, "driver: {driver:.2} CPU seconds, of which digests took {digests:.2}")?;
        writeln!(f, "answers by 503: {}", self.busy)?;
        for (error, count) in &self.errors {
            writeln!(f, "error, {count} times: {error}")?;
        }
        Ok(())
    }
}
