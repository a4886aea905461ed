//! Finds out, at start, what this set-up shows to others, and warns of it.

use std::net::IpAddr;

use tokio::net::lookup_host;
use tracing::warn;

use super::error::AppError;
use crate::config::{Config, Exposure, ExposureFacts, Networks, ServerAddress};
use crate::ipfs::Kubo;
use crate::outbound::Reach;

/// Completes what the settings say by what the partners show, and logs one warning for each exposure.
///
/// # Errors
/// Kubo has peers, and the operator said that it must not.
pub(super) async fn look(
    config: &Config,
    postgres_in_clear: bool,
    kubo: &Kubo,
) -> Result<Vec<Exposure>, AppError> {
    let mut facts = ExposureFacts { postgres_in_clear, ..config.exposure_facts() };
    // A private Kubo is offline.
    if let Some(given) = config.kubo.as_ref().filter(|_| facts.kubo_may_be_public != Some(true)) {
        let peers = kubo.has_peers().await;
        let refused = |reason| AppError::Kubo { address: given.api.to_string(), reason };
        facts.kubo_has_peers = match peers {
            Ok(true) if facts.kubo_may_be_public == Some(false) => {
                let reason = "it has peers in its swarm, and OPEN_REGISTRY_DFS_IPFS_PUBLIC=false says that it must have \
                              none; start it with --offline or in a private network, or remove the setting";
                return Err(refused(reason.to_owned()));
            }
            Err(error) if facts.kubo_may_be_public == Some(false) => {
                return Err(refused(format!("it does not say whether it has peers: {error}")));
            }
            peers => peers.unwrap_or(false),
        };
        facts.gateway_is_public = match &given.gateway {
            Some(gateway) => is_public(gateway).await,
            None => false,
        };
    }
    let found = facts.exposures();
    for exposure in &found {
        let files = match exposure {
            Exposure::Secrets => format!(" (readable: {})", config.readable_secrets.join(", ")),
            _ => String::new(),
        };
        warn!(event = exposure.code(), "{}{files}", exposure.message());
    }
    Ok(found)
}

/// Whether an address of the server is on the public internet. A name without an address is not.
async fn is_public(server: &ServerAddress) -> bool {
    let public = Reach::Public { except: Networks::default() };
    let found = lookup_host((server.host.as_str(), server.port)).await;
    let addresses: Vec<IpAddr> = found.into_iter().flatten().map(|address| address.ip()).collect();
    addresses.into_iter().any(|address| public.permits(address))
}
