//! Figures of a node: its repository, pins, peers and traffic. All are for metrics and reports, so a node that does not
//! know one of them is no failure.

use std::time::Duration;

use serde::Deserialize;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::publicity::OFFLINE;
use super::rpc::Rpc;
use super::way::Call;
use crate::telemetry::metrics;

/// Time for the answer of a call that looks at the whole repository to begin.
const WHOLE: Duration = Duration::from_secs(60);

/// The size of a repository.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct RepositorySize {
    /// Bytes on disk.
    #[serde(rename = "RepoSize")]
    pub bytes: u64,
    /// `Datastore.StorageMax`.
    #[serde(rename = "StorageMax")]
    pub limit: u64,
}

/// Bytes that a node has exchanged with its peers since it started.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bytes that came from peers.
    #[serde(rename = "TotalIn")]
    pub received: u64,
    /// Bytes that went to peers.
    #[serde(rename = "TotalOut")]
    pub sent: u64,
}

#[derive(Deserialize)]
struct Objects {
    #[serde(rename = "NumObjects")]
    objects: u64,
}

impl Kubo {
    /// The size of the repository, or of those of all nodes of a cluster. A node keeps it, so asking costs little.
    pub async fn repository_size(&self) -> Result<RepositorySize, IpfsError> {
        Rpc::new(Call::RepositorySize).with("size-only=true").json_at_once(self).await
    }

    /// The number of blocks. The node reads the keys of all of them.
    pub async fn count_objects(&self) -> Result<u64, IpfsError> {
        let rpc = Rpc::new(Call::CountObjects).within(WHOLE);
        let answer: Objects = rpc.json_at_once(self).await?;
        Ok(answer.objects)
    }

    /// The number of CIDs that are pinned recursively. The node holds a lock that delays new pins while it lists them.
    pub async fn count_pins(&self) -> Result<u64, IpfsError> {
        let call = metrics::kubo_call("pin/ls");
        let rpc = Rpc::new(Call::Pins).with("type=recursive&stream=true").within(WHOLE);
        let counted = async { rpc.send(self).await?.count_lines().await };
        call.run(counted).await
    }

    /// What the node has exchanged with its peers. `None` for a node in offline mode.
    pub async fn bandwidth(&self) -> Result<Option<Bandwidth>, IpfsError> {
        let call = metrics::kubo_call("stats/bw");
        let asked = async {
            match Rpc::new(Call::Bandwidth).try_send(self).await? {
                Ok(answer) => answer.json().await.map(Some),
                Err(refusal) if refusal.status.is_client_error() => Ok(None),
                Err(refusal) if refusal.message.contains(OFFLINE) => Ok(None),
                Err(refusal) => Err(refusal.into()),
            }
        };
        call.run(asked).await
    }
}
