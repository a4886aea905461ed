//! The addresses that the server listens on.

use std::net::{IpAddr, SocketAddr};

use super::error::AppError;
use crate::config::Config;
use crate::net::{Inherited, Listener};

/// The ports that every server has.
pub(super) struct Ports {
    pub(super) clients: Listener,
    pub(super) operator: Listener,
}

impl Ports {
    /// Takes over or binds the addresses that the configuration names.
    pub(super) fn open(config: &Config, inherited: &mut Inherited) -> Result<Self, AppError> {
        let listen = &config.listen;
        let mut open = |host, port, settings| open(host, port, settings, inherited);
        let clients = open(listen.host, listen.port, "OPEN_REGISTRY_HOST and OPEN_REGISTRY_PORT")?;
        let operator = open(
            listen.metrics_host,
            listen.metrics_port,
            "OPEN_REGISTRY_METRICS_HOST and OPEN_REGISTRY_METRICS_PORT",
        )?;
        Ok(Self { clients: clients.behind(config.proxies.clone()), operator })
    }
}

/// Takes over or binds one address. `settings` are named by the error.
pub(super) fn open(
    host: IpAddr,
    port: u16,
    settings: &'static str,
    inherited: &mut Inherited,
) -> Result<Listener, AppError> {
    Listener::inherit(SocketAddr::new(host, port), inherited)
        .map_err(|source| AppError::Bind { source, settings })
}
