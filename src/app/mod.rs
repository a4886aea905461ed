//! Builds the parts of the server, runs them, and takes them down again in the reverse order.

mod clients;
mod ordered;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use clients::{Clients, Https};

use crate::accounts::{Accounts, AccountsError};
use crate::auth::{Auth, AuthError};
use crate::config::{Config, ServerAddress};
use crate::embedded::{EmbeddedError, Partners};
use crate::http::{Edge, EdgeService, OperatorService};
use crate::ipfs::{IpfsError, Kubo};
use crate::net::{BindError, ConnectionLimits, Drained, Listener, Shutdown, TlsError, serve};
use crate::outbound::TrustError;
use crate::registry::Registry;
use crate::seal::SecretError;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics;
use crate::{http, registry, store};

/// The oldest Kubo whose `add` answers as this registry needs it.
const KUBO_FLOOR: (u32, u32) = (0, 39);

/// How often the metrics' histograms are tidied.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why the server did not start, in one line that says what and how to mend it.
#[derive(Debug, Error)]
pub enum AppError {
    /// An address that is taken, or not ours.
    #[error("{source}; choose another with {settings}")]
    Bind {
        /// What the system said of which address.
        source: BindError,
        /// The settings that name it.
        settings: &'static str,
    },
    /// Signals cannot be waited for, or the metrics not be gathered.
    #[error("the process cannot be set up: {0}")]
    Setup(String),
    /// There is no certificate to show, or none to check clients by.
    #[error("{0}; see OPEN_REGISTRY_TLS_CERT_FILE, _KEY_FILE and _CLIENT_CA_FILE")]
    Tls(#[from] TlsError),
    /// A private PostgreSQL or Kubo did not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The database is not to be used.
    #[error("PostgreSQL at {address}: {source}; OPEN_REGISTRY_DB_HOST and its kin say where it is")]
    Store {
        /// Where it was looked for.
        address: String,
        /// What it said.
        source: StoreError,
    },
    /// There is no signing secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Nobody could log in.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The first administrator cannot be made.
    #[error(
        "the first administrator: {0}; see OPEN_REGISTRY_ADMIN_USER and OPEN_REGISTRY_ADMIN_PASSWORD"
    )]
    Admin(#[from] AccountsError),
    /// There are no authorities to verify a partner by.
    #[error("{settings}: {source}")]
    Trust {
        /// The setting that names them.
        settings: &'static str,
        /// What is wrong with them.
        source: TrustError,
    },
    /// Kubo is not to be used.
    #[error("Kubo at {address}: {reason}; OPEN_REGISTRY_DFS_IPFS_API_URL names its RPC API")]
    Kubo {
        /// Where it was looked for.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// Whatever keeps the server from starting. Nothing half-started is left behind.
pub async fn run(config: Config) -> Result<(), AppError> {
    for warning in &config.warnings {
        warn!(event = "setting", "{warning}");
    }
    let shutdown = Shutdown::on_signals(config.limits.drain)
        .map_err(|error| AppError::Setup(error.to_string()))?;
    // The ports first: nothing is started for a server that could not be reached.
    let listen = &config.listen;
    let clients = bind(listen.host, listen.port, "OPEN_REGISTRY_HOST and OPEN_REGISTRY_PORT")?;
    let operator = bind(
        listen.metrics_host,
        listen.metrics_port,
        "OPEN_REGISTRY_METRICS_HOST and OPEN_REGISTRY_METRICS_PORT",
    )?;
    let recorder = record_metrics()?;
    let https = Https::open(&config)?;
    let clients = clients.behind(config.proxies.clone());
    let partners = tokio::select! {
        started = Partners::start(&config) => started?,
        () = shutdown.begun() => return Ok(()),
    };
    let served = match connect(&config, &partners).await {
        Ok((store, edge)) => match Clients::enter(clients, https, &config, &store) {
            Ok(clients) => {
                serve_until_stopped(&config, edge, clients, operator, recorder, shutdown).await;
                Ok(())
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    partners.stop().await;
    served
}

fn bind(host: IpAddr, port: u16, settings: &'static str) -> Result<Listener, AppError> {
    Listener::bind(SocketAddr::new(host, port))
        .map_err(|source| AppError::Bind { source, settings })
}

/// Connects to both partners and finds out whether they are fit for use.
async fn connect(
    config: &Config,
    partners: &Partners,
) -> Result<(Store, (Registry, Auth)), AppError> {
    let postgres = partners.postgres();
    let settings = store::Settings::of(postgres)
        .map_err(|source| AppError::Trust { settings: "OPEN_REGISTRY_DB_SSLROOTCERT", source })?;
    let store = Store::connect(&settings).await.map_err(|source| AppError::Store {
        address: format!("{}:{}/{}", postgres.host, postgres.port, postgres.name),
        source,
    })?;
    let kubo = partners.kubo();
    let ipfs = Kubo::new(kubo)
        .map_err(|source| AppError::Trust { settings: "OPEN_REGISTRY_DFS_IPFS_CA_FILE", source })?;
    check_version(&kubo.api, ipfs.version().await)?;
    let limits = registry::Limits {
        uploads: config.limits.uploads,
        upload_idle: config.limits.upload_idle,
        page: config.limits.page,
        allow_sparse_index: config.access.allow_sparse_index,
    };
    let auth = Auth::configured(config, store.clone()).await?;
    if auth.asks_for_login() {
        make_first_admin(config, &store).await?;
    }
    Ok((store.clone(), (Registry::new(store, ipfs, limits), auth)))
}

/// Makes somebody who can let others in, where nobody is there yet.
async fn make_first_admin(config: &Config, store: &Store) -> Result<(), AppError> {
    let access = &config.access;
    let accounts = Accounts::new(store.clone());
    let users = accounts.users();
    let made = users.add_first_admin(&access.admin_user, &access.admin_password).await?;
    let Some(made) = made else { return Ok(()) };
    info!(event = "first_administrator", name = made.name, "made the first administrator");
    if let Some(notice) = made.notice() {
        // Past the log, which is kept and sent on.
        eprintln!("{notice}");
    }
    Ok(())
}

fn check_version(api: &ServerAddress, version: Result<String, IpfsError>) -> Result<(), AppError> {
    let unfit = |reason: String| AppError::Kubo { address: api.to_string(), reason };
    let version = version.map_err(|error| {
        let login = matches!(error, IpfsError::Refused { status: 401 | 403, .. });
        let hint = " (what it is shown is OPEN_REGISTRY_DFS_IPFS_API_TOKEN, or _API_USER and _API_PASSWORD)";
        unfit(error.to_string() + if login { hint } else { "" })
    })?;
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse().ok());
    let found: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < KUBO_FLOOR {
        let (major, minor) = KUBO_FLOOR;
        return Err(unfit(format!(
            "it is version {version}, and {major}.{minor} is the oldest that will do"
        )));
    }
    Ok(())
}

fn record_metrics() -> Result<PrometheusHandle, AppError> {
    let setup = |error: metrics_exporter_prometheus::BuildError| AppError::Setup(error.to_string());
    let durations = Matcher::Suffix("_duration_seconds".to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(durations, &metrics::DURATION_BUCKETS)
        .map_err(setup)?;
    let recorder = builder.install_recorder().map_err(setup)?;
    metrics::describe();
    Ok(recorder)
}

async fn serve_until_stopped(
    config: &Config,
    (registry, auth): (Registry, Auth),
    mut clients: Clients,
    operator: Listener,
    recorder: PrometheusHandle,
    shutdown: Shutdown,
) {
    let stop = CancellationToken::new();
    let sweep = tokio::spawn(registry.clone().sweep(stop.clone()));
    let upkeep = tokio::spawn(keep_up(recorder.clone()));
    let acme = clients.acme.take().map(|acme| tokio::spawn(acme.keep(stop.clone())));
    let (keys, until) = (auth.clone(), stop.clone());
    tokio::spawn(async move { keys.watch(until).await });
    let limits = http::Limits {
        manifest_bytes: config.limits.manifest_bytes,
        body_stall: config.limits.body_stall,
    };
    let draining = CancellationToken::new();
    let (begun, drain) = (shutdown.clone(), draining.clone());
    tokio::spawn(async move {
        begun.begun().await;
        drain.cancel();
    });
    let name = config.listen.domain.clone().map(|domain| (domain.host, domain.https));
    let (host, https) = name.map_or((None, None), |(host, https)| (Some(host), https));
    let (proxies, login) = (config.proxies.trusted.clone(), config.access.login);
    let name = http::Name { host, https, proxies, login };
    let edge = Edge::new(registry, auth, name, limits, draining);
    let connections = ConnectionLimits {
        header_bytes: config.limits.header_bytes,
        header_time: config.limits.header_time,
        idle_time: config.limits.idle_time,
        connections: config.limits.connections,
        per_address: config.limits.address_connections,
        handshake_time: config.tls.handshake_time,
    };
    info!(
        event = "listening",
        address = %clients.port.address(),
        metrics = %operator.address(),
        version = env!("CARGO_PKG_VERSION"),
        "the registry listens on {}://{}", clients.port.scheme(), clients.port.address()
    );
    // The operator's port answers until the last client is served.
    let operator = tokio::spawn(serve(
        operator,
        connections,
        Shutdown::new(Duration::ZERO),
        OperatorService::new(recorder),
    ));
    let redirect = clients.redirect(config, connections);
    match serve(clients.port, connections, shutdown, EdgeService::new(edge)).await {
        Drained::Clean => info!(event = "stopped", "every request was answered"),
        Drained::Cut(count) => {
            warn!(event = "stopped", count, "connections were cut at the end of the drain time");
        }
    }
    stop.cancel();
    operator.abort();
    if let Some(redirect) = redirect {
        redirect.abort();
    }
    upkeep.abort();
    // What is ordered or swept stops between two steps; its partners are still there meanwhile.
    if let Some(acme) = acme
        && let Err(error) = acme.await
    {
        warn!(event = "certificate_unkept", %error, "keeping the certificate ended badly");
    }
    if let Err(error) = sweep.await {
        warn!(event = "sweep_failed", %error, "the sweep ended badly");
    }
}

async fn keep_up(recorder: PrometheusHandle) {
    let mut tick = tokio::time::interval(UPKEEP);
    loop {
        tick.tick().await;
        recorder.run_upkeep();
    }
}
