//! The recorder of the metrics.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::error::AppError;
use crate::config::Config;
use crate::telemetry::{metrics, recent};

/// Installs the recorder, unless the settings say that no metrics are wanted. From then on every metric of the process is
/// gathered.
pub(super) fn install(config: &Config) -> Result<PrometheusHandle, AppError> {
    let setup = |error: BuildError| AppError::Setup(error.to_string());
    let durations = Matcher::Suffix("_duration_seconds".to_owned());
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(durations, &metrics::DURATION_BUCKETS)
        .map_err(setup)?;
    for (name, buckets) in metrics::OWN_BUCKETS {
        let only = Matcher::Full(name.to_owned());
        builder = builder.set_buckets_for_metric(only, buckets).map_err(setup)?;
    }
    if !config.listen.metrics {
        recent::stop();
        return Ok(builder.build_recorder().handle());
    }
    let recorder = builder.install_recorder().map_err(setup)?;
    metrics::describe();
    metrics::count_repositories(config.listen.metrics_repositories);
    Ok(recorder)
}
