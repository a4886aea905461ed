//! Serves clients and the operator until the server is told to stop.

use std::mem;
use std::pin::pin;

use metrics_exporter_prometheus::PrometheusHandle;
use tracing::{info, warn};

use super::background::Background;
use super::clients::Clients;
use super::domain::Domain;
use super::ending::wait_for;
use super::notify::Notify;
use super::side_port::SidePort;
use crate::config::Config;
use crate::http::{self, Edge, EdgeService, OperatorService};
use crate::net::{ConnectionLimits, Drained, Listener, Shutdown, serve};

/// Serves until `shutdown` begins, answers the requests that are under way, and stops everything that it started.
pub(super) async fn serve_until_stopped(
    config: &Config,
    domain: Domain,
    mut clients: Clients,
    operator: Listener,
    recorder: PrometheusHandle,
    shutdown: Shutdown,
) {
    let limits = connection_limits(config);
    let (keep, watches) = (clients.keep.take(), mem::take(&mut clients.watches));
    let background = Background::start(&domain, keep, watches, &recorder);
    let registry = domain.registry.clone();
    let edge = edge(config, domain, &shutdown);
    let service = EdgeService::new(edge.clone());
    announce(&clients, &operator);
    let notify = Notify::of_process();
    notify.ready();
    let alive = notify.keep_alive();
    let operator = SidePort::open("operator's port", |shutdown| {
        serve(operator, limits, shutdown, OperatorService::new(recorder, edge))
    });
    let redirect = clients.redirect(config, limits);
    let mut serving = pin!(serve(clients.port, limits, shutdown.clone(), service));
    let drained = tokio::select! {
        drained = &mut serving => drained,
        () = shutdown.begun() => {
            notify.stopping();
            wait_for("requests under way", serving).await
        }
    };
    match drained {
        Drained::Clean => info!(event = "stopped", "every request was answered"),
        Drained::Cut(count) => {
            warn!(event = "stopped", count, "the drain time is over: cut {count} connections");
        }
    }
    // The operator's port is closed after the last request, so that metrics can be read until then.
    operator.close().await;
    if let Some(redirect) = redirect {
        redirect.close().await;
    }
    let left = wait_for("operations whose clients have gone", registry.settled()).await;
    if left > 0 {
        warn!(
            event = "operations_cut",
            count = left,
            "cut {left} operations that did not end in time"
        );
    }
    background.stop().await;
    if let Some(alive) = alive {
        alive.abort();
    }
}

fn edge(config: &Config, domain: Domain, shutdown: &Shutdown) -> Edge {
    let limits = http::Limits {
        manifest_bytes: config.limits.manifest_bytes,
        body_stall: config.limits.body_stall,
        body_rate: config.limits.body_rate,
    };
    let domain_name = config.listen.domain.as_ref();
    let name = http::Name {
        host: domain_name.map(|domain| domain.host.clone()),
        https: domain_name.and_then(|domain| domain.https),
        proxies: config.proxies.trusted.clone(),
        login: config.access.login,
    };
    Edge::new(domain.registry, domain.auth, name, limits, shutdown.draining())
        .exposing(domain.exposures)
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        header_bytes: config.limits.header_bytes,
        header_time: config.limits.header_time,
        idle_time: config.limits.idle_time,
        connections: config.limits.connections,
        per_address: config.limits.address_connections,
        rate: config.limits.body_rate,
        handshake_time: config.tls.handshake_time,
    }
}

fn announce(clients: &Clients, operator: &Listener) {
    info!(
        event = "listening",
        address = %clients.port.address(),
        metrics = %operator.address(),
        version = env!("CARGO_PKG_VERSION"),
        "the registry listens on {}://{}", clients.port.scheme(), clients.port.address()
    );
}
