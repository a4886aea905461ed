//! Builds the parts of the server, runs them, and takes them down again in the reverse order.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::auth::{Auth, AuthError, Sealer, SigningSecret};
use crate::config::Config;
use crate::embedded::{EmbeddedError, Partners};
use crate::http::{Edge, EdgeService, OperatorService, RedirectService};
use crate::ipfs::{IpfsError, Kubo};
use crate::net::{
    BindError, CertificateFile, ClientRoots, ConnectionLimits, Drained, Listener, Shutdown,
    TicketSeal, Tls, TlsError, TlsOptions, serve,
};
use crate::registry::Registry;
use crate::store::{Store, StoreError};
use crate::telemetry::metrics;
use crate::{config, http, ipfs, registry, store};

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
    /// Nobody could log in.
    #[error(transparent)]
    Auth(#[from] AuthError),
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
        Ok(edge) => match Clients::enter(clients, https, &config) {
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

/// What https takes, found fit before anything is started.
struct Https {
    certificate: CertificateFile,
    client_roots: Option<ClientRoots>,
    redirect: Option<Listener>,
}

impl Https {
    /// `None` when there is no certificate.
    fn open(config: &Config) -> Result<Option<Self>, AppError> {
        let tls = &config.tls;
        let Some(files) = tls.files.clone() else { return Ok(None) };
        let certificate = CertificateFile::open(files)?;
        let roots = tls.client_ca.as_deref();
        let client_roots =
            roots.map(|path| ClientRoots::read(path, tls.client_user)).transpose()?;
        let bind = |port| bind(config.listen.host, port, "OPEN_REGISTRY_HTTP_REDIRECT_PORT");
        let redirect = tls.redirect_port.map(bind).transpose()?;
        Ok(Some(Self { certificate, client_roots, redirect }))
    }
}

/// Where clients come in.
struct Clients {
    port: Listener,
    /// Without TLS, for browsers that do not know better.
    redirect: Option<Listener>,
}

impl Clients {
    /// Lets clients in, by https alone when there is a certificate.
    fn enter(port: Listener, https: Option<Https>, config: &Config) -> Result<Self, AppError> {
        let Some(Https { certificate, client_roots, redirect }) = https else {
            return Ok(Self { port, redirect: None });
        };
        let shown = certificate.shown();
        certificate.follow()?;
        let tickets: Arc<dyn TicketSeal> = Arc::new(Sessions(SigningSecret::configured(config)?));
        let (http2, tickets) = (config.tls.http2, Some(tickets));
        let options = TlsOptions { http2, client_roots, challenges: None, tickets };
        Ok(Self { port: port.secured(Tls::new(shown, options)?), redirect })
    }

    /// Sends browsers to the port that speaks https, for as long as the task runs.
    fn redirect(
        &mut self,
        config: &Config,
        limits: ConnectionLimits,
    ) -> Option<JoinHandle<Drained>> {
        let redirect = self.redirect.take()?;
        info!(event = "redirecting", address = %redirect.address(), "browsers are sent to https");
        let name = config.listen.domain.as_ref().map(|domain| domain.host.clone());
        let service = RedirectService::new(name, self.port.address().port());
        Some(tokio::spawn(serve(redirect, limits, Shutdown::new(Duration::ZERO), service)))
    }
}

/// Seals sessions that clients keep, for all instances with the same signing secret.
#[derive(Debug)]
struct Sessions(SigningSecret);

impl Sessions {
    fn sealer(&self, epoch: u64) -> Sealer {
        Sealer::new(&self.0, &format!("tls ticket {epoch}"))
    }
}

impl TicketSeal for Sessions {
    fn seal(&self, epoch: u64, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        Some(self.sealer(epoch).seal(context, plain))
    }

    fn open(&self, epoch: u64, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.sealer(epoch).open(context, sealed)
    }
}

/// Connects to both partners and finds out whether they are fit for use.
async fn connect(config: &Config, partners: &Partners) -> Result<(Registry, Auth), AppError> {
    let postgres = partners.postgres();
    let settings = store::Settings::from(postgres);
    let store = Store::connect(&settings).await.map_err(|source| AppError::Store {
        address: format!("{}:{}/{}", postgres.host, postgres.port, postgres.name),
        source,
    })?;
    let kubo = partners.kubo();
    let endpoint = |e: &config::Endpoint| ipfs::Endpoint { host: e.host.clone(), port: e.port };
    let settings =
        ipfs::Settings { api: endpoint(&kubo.api), gateway: kubo.gateway.as_ref().map(endpoint) };
    let ipfs = Kubo::new(&settings);
    check_version(&settings.api, ipfs.version().await)?;
    let limits = registry::Limits {
        uploads: config.limits.uploads,
        upload_idle: config.limits.upload_idle,
        page: config.limits.page,
        allow_sparse_index: config.access.allow_sparse_index,
    };
    let auth = Auth::configured(config, store.clone()).await?;
    Ok((Registry::new(store, ipfs, limits), auth))
}

fn check_version(api: &ipfs::Endpoint, version: Result<String, IpfsError>) -> Result<(), AppError> {
    let unfit = |reason: String| AppError::Kubo { address: api.to_string(), reason };
    let version = version.map_err(|error| unfit(error.to_string()))?;
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
    let name = http::Name { host, https, proxies: config.proxies.clone() };
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
    // The sweep stops between two steps; its partners are still there meanwhile.
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
