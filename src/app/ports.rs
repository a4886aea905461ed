//! The addresses that the server listens on.

use std::net::{IpAddr, SocketAddr};

use super::error::AppError;
use crate::config::Config;
use crate::net::Listener;

/// The ports that every server has.
pub(super) struct Ports {
    pub(super) clients: Listener,
    pub(super) operator: Listener,
}

impl Ports {
    /// Binds the addresses that the configuration names.
    pub(super) fn bind(config: &Config) -> Result<Self, AppError> {
        let listen = &config.listen;
        let clients = bind(listen.host, listen.port, "OPEN_REGISTRY_HOST and OPEN_REGISTRY_PORT")?;
        let operator = bind(
            listen.metrics_host,
            listen.metrics_port,
            "OPEN_REGISTRY_METRICS_HOST and OPEN_REGISTRY_METRICS_PORT",
        )?;
        Ok(Self { clients: clients.behind(config.proxies.clone()), operator })
    }
}

/// Binds one address. `settings` are named by the error.
pub(super) fn bind(host: IpAddr, port: u16, settings: &'static str) -> Result<Listener, AppError> {
    Listener::bind(SocketAddr::new(host, port))
        .map_err(|source| AppError::Bind { source, settings })
}
