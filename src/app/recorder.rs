//! The recorder of the metrics.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::error::AppError;
use crate::telemetry::metrics;

/// Installs the recorder. From then on every metric of the process is gathered.
pub(super) fn install() -> Result<PrometheusHandle, AppError> {
    let setup = |error: BuildError| AppError::Setup(error.to_string());
    let durations = Matcher::Suffix("_duration_seconds".to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(durations, &metrics::DURATION_BUCKETS)
        .map_err(setup)?;
    let recorder = builder.install_recorder().map_err(setup)?;
    metrics::describe();
    Ok(recorder)
}
