//! A Kubo node: its two listeners, and the cluster that it belongs to.

use std::path::Path;
use std::sync::Arc;

use super::origin::Origin;
use super::way::{Call, Way};
use crate::config::{self, ServerAddress};
use crate::outbound::{ClientTls, Trust, TrustError, Waiting};

/// A Kubo node. Cheap to clone.
#[derive(Clone)]
pub struct Kubo {
    pub(super) api: Arc<Origin>,
    pub(super) gateway: Option<Arc<Origin>>,
    /// The proxy of an IPFS Cluster.
    cluster: Option<Arc<Origin>>,
    repository: Option<Arc<Path>>,
}

impl Kubo {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// An address is `https://`, and the certificate authorities to verify it cannot be read.
    pub fn new(kubo: &config::Kubo) -> Result<Self, TrustError> {
        let config::Kubo { api, cluster, gateway, repository, authorities, login } = kubo;
        let listeners = [Some(api), cluster.as_ref(), gateway.as_ref()];
        let tls = if listeners.into_iter().flatten().any(|address| address.https) {
            ClientTls::verified_by(&Trust::of(authorities.as_deref())?)?
        } else {
            ClientTls::default()
        };
        let waiting = Waiting::default();
        let origin = |address: &ServerAddress| {
            // The others need no credentials. They are sent only to what has the address of the API.
            let login = login.as_ref().filter(|_| address == api);
            Arc::new(Origin::new(address.clone(), login, tls.clone(), waiting.clone()))
        };
        let repository = repository.as_deref().map(Arc::from);
        let (cluster, gateway) = (cluster.as_ref().map(origin), gateway.as_ref().map(origin));
        Ok(Self { api: origin(api), gateway, cluster, repository })
    }

    /// The directory of its repository, if that is on this host.
    pub fn repository(&self) -> Option<&Path> {
        self.repository.as_deref()
    }

    /// Whether the node belongs to an IPFS Cluster. Then a blob may be on other nodes only, from which this one fetches it,
    /// and a pin is what all nodes know. Setting a pin again does no harm.
    pub fn is_clustered(&self) -> bool {
        self.cluster.is_some()
    }

    /// The listener that a call goes to.
    pub(super) fn origin(&self, call: Call) -> &Arc<Origin> {
        match (call.way(), &self.cluster) {
            (Way::Cluster, Some(cluster)) => cluster,
            (Way::Cluster | Way::Node, _) => &self.api,
        }
    }
}
