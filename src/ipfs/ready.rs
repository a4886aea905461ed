//! Whether a node answers, and its version.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::rpc::Rpc;
use super::way::Call;

/// Time for a node to answer the check whether it is ready.
const READY: Duration = Duration::from_secs(2);

/// The answer of the RPC `version`.
#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Version")]
    version: String,
}

impl Kubo {
    /// The version of the node, such as `0.43.0`.
    pub async fn version(&self) -> Result<String, IpfsError> {
        let answer: Version = Rpc::new(Call::Version).json(self).await?;
        Ok(answer.version)
    }

    /// Fails unless the node answers within two seconds. Does not wait for a node that is gone.
    pub async fn ready(&self) -> Result<(), IpfsError> {
        self.answers(Call::Version).await
    }

    /// Fails unless the proxy of the cluster answers within two seconds. `Ok` without a cluster.
    pub async fn cluster_ready(&self) -> Result<(), IpfsError> {
        if self.is_clustered() { self.answers(Call::ClusterVersion).await } else { Ok(()) }
    }

    async fn answers(&self, call: Call) -> Result<(), IpfsError> {
        let late = |_| IpfsError::Unavailable(format!("no answer in {READY:?}"));
        let rpc = Rpc::new(call);
        timeout(READY, rpc.json_at_once::<Version>(self)).await.map_err(late)?.map(drop)
    }
}
