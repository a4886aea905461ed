//! Builds the parts of the server, runs them, and stops them again in the reverse order.

mod background;
mod cached;
mod clients;
mod domain;
mod ending;
mod error;
mod exposed;
mod log_level;
mod notify;
mod own_collection;
mod ports;
mod recorder;
pub mod runtime;
mod serve;
mod side_port;

use metrics_exporter_prometheus::PrometheusHandle;
use tracing::warn;

pub use error::AppError;

use crate::config::Config;
use crate::embedded::Partners;
use crate::net::{Inherited, Shutdown};
use crate::otlp::Exporter;
use clients::{Clients, Https};
use domain::Domain;
use ending::wait_for;
use ports::Ports;
use serve::serve_until_stopped;

/// Runs the server until SIGTERM or SIGINT, and then answers the requests that are under way. Sockets that another process
/// has opened on the configured addresses are `inherited`; the others are bound.
///
/// # Errors
/// The server cannot start. Everything that was started before the error is stopped again.
pub async fn run(config: Config, mut inherited: Inherited) -> Result<(), AppError> {
    for warning in &config.warnings {
        warn!(event = "setting", "{warning}");
    }
    let shutdown = Shutdown::on_signals(config.limits.drain, config.limits.drain_delay)
        .map_err(|error| AppError::Setup(error.to_string()))?;
    let level = log_level::follow_signal().map_err(|error| AppError::Setup(error.to_string()))?;
    // Ports come first, so that nothing is started for a server that cannot listen.
    let ports = Ports::open(&config, &mut inherited)?;
    let recorder = recorder::install(&config)?;
    let https = Https::open(&config, &mut inherited)?;
    inherited.check_taken()?;
    let exporter = start_traces(&config)?;
    let partners = tokio::select! {
        started = Partners::start(&config) => started?,
        () = shutdown.begun() => return Ok(()),
    };
    let served = run_on(&partners, &config, ports, https, recorder, shutdown).await;
    wait_for("partners", partners.stop()).await;
    if let Some(exporter) = exporter {
        wait_for("traces", exporter.stop()).await;
    }
    level.abort();
    served
}

/// Traces requests, if the settings name a collector.
fn start_traces(config: &Config) -> Result<Option<Exporter>, AppError> {
    let Some(traces) = &config.traces else { return Ok(None) };
    let settings = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    Exporter::start(traces).map_err(|source| AppError::Trust { settings, source })
}

/// The part of [`run`] that needs the partners. Whether it fails or not, [`run`] stops them afterwards.
async fn run_on(
    partners: &Partners,
    config: &Config,
    ports: Ports,
    https: Option<Https>,
    recorder: PrometheusHandle,
    shutdown: Shutdown,
) -> Result<(), AppError> {
    let domain = Domain::connect(config, partners).await?;
    let clients = Clients::enter(ports.clients, https, config, &domain.store)?;
    if let Some(keep) = &clients.keep {
        keep.show_stored().await;
    }
    serve_until_stopped(config, domain, clients, ports.operator, recorder, shutdown).await;
    Ok(())
}
