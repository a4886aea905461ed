//! The job that keeps the histograms of the metrics small. It belongs to no other room.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use super::JobError;
use super::job::{Done, Job, Scope};

/// Moves recorded durations into their histograms. Without it they would pile up until somebody reads the metrics.
#[derive(Clone, Debug)]
pub struct TidyMetrics(PrometheusHandle);

impl TidyMetrics {
    /// Time between two runs.
    pub const PERIOD: Duration = Duration::from_secs(5);

    /// Looks after what `recorder` has gathered.
    pub fn new(recorder: PrometheusHandle) -> Self {
        Self(recorder)
    }
}

impl Job for TidyMetrics {
    const NAME: &'static str = "tidy-metrics";
    const FAILED: &'static str = "metrics_not_tidied";
    const SCOPE: Scope = Scope::Process;

    fn period(&self) -> Duration {
        Self::PERIOD
    }

    async fn run(&self, _: &CancellationToken) -> Result<Done, JobError> {
        self.0.run_upkeep();
        Ok(Done::default())
    }
}
