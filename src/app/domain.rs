//! Connects the domain to its partners, checks them, and creates the first administrator.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing::{info, warn};

use super::error::AppError;
use super::{cached, exposed, own_collection};
use crate::accounts::Accounts;
use crate::auth::Auth;
use crate::config::{self, Config, Exposure, ServerAddress};
use crate::embedded::Partners;
use crate::ipfs::{IpfsError, Kubo, Spare};
use crate::registry::upkeep::{Collect, CollectSettings, Scrub, ScrubSettings};
use crate::registry::{Collector, FreeDisk, Limits, Registry};
use crate::store::{self, Store};

/// The oldest version of Kubo whose `add` answers as this registry needs it.
const KUBO_FLOOR: (u32, u32) = (0, 39);

/// The store, and the parts that work on it.
pub(super) struct Domain {
    pub(super) store: Store,
    pub(super) registry: Registry,
    pub(super) auth: Auth,
    /// What this set-up shows to others.
    pub(super) exposures: Vec<Exposure>,
    /// The job that compares stored bytes with their digests.
    pub(super) scrub: Scrub,
    /// The job that removes garbage from Kubo.
    pub(super) collect: Collect,
}

impl Domain {
    /// Connects to both partners and checks that they can be used.
    pub(super) async fn connect(config: &Config, partners: &Partners) -> Result<Self, AppError> {
        let (store, in_clear) = connect_store(partners.postgres()).await?;
        let ipfs = connect_kubo(partners.kubo()).await?;
        let exposures = exposed::look(config, in_clear, &ipfs).await?;
        let limits = Limits::of(config, free_disk(config, partners));
        let auth = Auth::configured(config, store.clone()).await?;
        if auth.asks_for_login() {
            make_first_admin(config, &store).await?;
        }
        if limits.collector == Collector::Node {
            own_collection::tell(&ipfs).await;
        }
        let content = cached::content(config, &ipfs).await;
        let registry = Registry::reading(store.clone(), ipfs, content, limits);
        let scrub = registry.scrub(scrub_settings(&config.scrub)?);
        let collect = registry.collect(CollectSettings::of(&config.collection));
        Ok(Self { store, registry, auth, exposures, scrub, collect })
    }
}

fn scrub_settings(config: &config::Scrub) -> Result<ScrubSettings, AppError> {
    let config::Scrub { rate, age, repair } = config;
    let spare = repair.as_ref().map(Spare::new).transpose();
    let settings = "OPEN_REGISTRY_DFS_IPFS_REPAIR_URL";
    let spare = spare.map_err(|source| AppError::Trust { settings, source })?;
    Ok(ScrubSettings { rate: *rate, age: *age, spare })
}

/// The disk to look at before an upload begins, if a partner of this server writes to it.
fn free_disk(config: &Config, partners: &Partners) -> Option<Arc<FreeDisk>> {
    let least = config.data_dir_free;
    (partners.are_private() && least > 0)
        .then(|| Arc::new(FreeDisk::new(config.data_dir.clone(), least)))
}

/// Connects to PostgreSQL, and also returns whether others on the way can read what is sent.
async fn connect_store(postgres: &config::Postgres) -> Result<(Store, bool), AppError> {
    let settings = store::Settings::of(postgres)
        .map_err(|source| AppError::Trust { settings: "OPEN_REGISTRY_DB_SSLROOTCERT", source })?;
    let store = Store::connect(&settings)
        .await
        .map_err(|source| AppError::Store { address: postgres.address(), source })?;
    Ok((store, settings.tls.came_up_in_clear()))
}

async fn connect_kubo(kubo: &config::Kubo) -> Result<Kubo, AppError> {
    let ipfs = Kubo::new(kubo)
        .map_err(|source| AppError::Trust { settings: "OPEN_REGISTRY_DFS_IPFS_CA_FILE", source })?;
    check_version(&kubo.api, ipfs.version().await)?;
    if let Err(error) = ipfs.cluster_ready().await {
        warn!(
            event = "cluster_gone", %error,
            "the proxy of the IPFS Cluster (OPEN_REGISTRY_DFS_IPFS_CLUSTER_URL) does not answer; pushes get a 503 until it \
             does, and pulls go on"
        );
    }
    Ok(ipfs)
}

/// Creates the first administrator if there is no account yet, so that somebody can add others.
async fn make_first_admin(config: &Config, store: &Store) -> Result<(), AppError> {
    let access = &config.access;
    let accounts = Accounts::new(store.clone());
    let users = accounts.users();
    let made = users.add_first_admin(&access.admin_user, &access.admin_password).await?;
    let Some(made) = made else { return Ok(()) };
    info!(
        event = "first_administrator",
        name = made.name,
        "created the first administrator {}",
        made.name
    );
    if let Some(notice) = made.notice(&config.data_dir, io::stderr().is_terminal()) {
        // The notice may contain a password, so it does not go to the log, which is stored and forwarded.
        eprintln!("{notice}");
    }
    Ok(())
}

fn check_version(api: &ServerAddress, version: Result<String, IpfsError>) -> Result<(), AppError> {
    let unfit = |reason: String| AppError::Kubo { address: api.to_string(), reason };
    let version = version.map_err(|error| {
        let login = matches!(error, IpfsError::Refused { status: 401 | 403, .. });
        let hint = " (it gets the login in OPEN_REGISTRY_DFS_IPFS_API_TOKEN, or in _API_USER and _API_PASSWORD)";
        unfit(error.to_string() + if login { hint } else { "" })
    })?;
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse().ok());
    let found: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < KUBO_FLOOR {
        let (major, minor) = KUBO_FLOOR;
        return Err(unfit(format!(
            "it is version {version}, but {major}.{minor} or newer is needed"
        )));
    }
    Ok(())
}
