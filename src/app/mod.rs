//! Builds the parts of the server, runs them, and stops them again in the reverse order.

mod background;
mod clients;
mod domain;
mod ending;
mod error;
mod ports;
mod recorder;
mod serve;
mod side_port;

use metrics_exporter_prometheus::PrometheusHandle;
use tracing::warn;

pub use error::AppError;

use crate::config::Config;
use crate::embedded::Partners;
use crate::net::Shutdown;
use clients::{Clients, Https};
use domain::Domain;
use ending::wait_for;
use ports::Ports;
use serve::serve_until_stopped;

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// What keeps the server from starting. Nothing half-started is left behind.
pub async fn run(config: Config) -> Result<(), AppError> {
    for warning in &config.warnings {
        warn!(event = "setting", "{warning}");
    }
    let shutdown = Shutdown::on_signals(config.limits.drain)
        .map_err(|error| AppError::Setup(error.to_string()))?;
    // The ports first: nothing is started for a server that could not be reached.
    let ports = Ports::bind(&config)?;
    let recorder = recorder::install()?;
    let https = Https::open(&config)?;
    let partners = tokio::select! {
        started = Partners::start(&config) => started?,
        () = shutdown.begun() => return Ok(()),
    };
    let served = run_on(&partners, &config, ports, https, recorder, shutdown).await;
    wait_for("partners", partners.stop()).await;
    served
}

/// The part of [`run`] during which the partners are there.
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
    serve_until_stopped(config, domain, clients, ports.operator, recorder, shutdown).await;
    Ok(())
}
