//! A Kubo node: its two listeners, its version, and whether it answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use super::error::IpfsError;
use super::origin::Origin;
use super::rpc::Rpc;
use crate::config::{self, ServerAddress};
use crate::outbound::{ClientTls, Trust, TrustError, Waiting};

/// Time for a node to answer the check whether it is ready.
const READY: Duration = Duration::from_secs(2);

/// A Kubo node. Cheap to clone.
#[derive(Clone)]
pub struct Kubo {
    pub(super) api: Arc<Origin>,
    pub(super) gateway: Option<Arc<Origin>>,
    repository: Option<Arc<Path>>,
}

impl Kubo {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// An address is `https://`, and the certificate authorities to verify it cannot be read.
    pub fn new(kubo: &config::Kubo) -> Result<Self, TrustError> {
        let config::Kubo { api, gateway, repository, authorities, login } = kubo;
        let tls = if api.https || gateway.as_ref().is_some_and(|gateway| gateway.https) {
            ClientTls::verified_by(&Trust::of(authorities.as_deref())?)?
        } else {
            ClientTls::default()
        };
        let waiting = Waiting::default();
        let origin = |address: &ServerAddress| {
            // The gateway needs no credentials. They are sent to it only if it has the address of the API.
            let login = login.as_ref().filter(|_| address == api);
            Arc::new(Origin::new(address.clone(), login, tls.clone(), waiting.clone()))
        };
        let repository = repository.as_deref().map(Arc::from);
        Ok(Self { api: origin(api), gateway: gateway.as_ref().map(origin), repository })
    }

    /// The directory of its repository, if that is on this host.
    pub fn repository(&self) -> Option<&Path> {
        self.repository.as_deref()
    }

    /// The version of the node, such as `0.43.0`.
    pub async fn version(&self) -> Result<String, IpfsError> {
        let answer: Version = Rpc::new("version").json(&self.api).await?;
        Ok(answer.version)
    }

    /// Fails unless the node answers within two seconds. Does not wait for a node that is gone.
    pub async fn ready(&self) -> Result<(), IpfsError> {
        let late = |_| IpfsError::Unavailable(format!("no answer in {READY:?}"));
        let rpc = Rpc::new("version");
        timeout(READY, rpc.json_at_once::<Version>(&self.api)).await.map_err(late)?.map(drop)
    }
}

/// The answer of the RPC `version`.
#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Version")]
    version: String,
}
