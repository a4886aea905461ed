//! Whether a node has peers: then everyone who knows a CID can read its content.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::rpc::Rpc;
use super::way::Call;
use crate::telemetry::metrics;

/// Longest list of peers that is read. A public node has some hundred peers, and each is about 200 bytes.
const LIST: usize = 16 << 20;

/// Part of the message with which a node in offline mode refuses (kubo `core/commands/cmdenv`, `ErrNotOnline`).
pub(super) const OFFLINE: &str = "online mode";

#[derive(Deserialize)]
struct Peers {
    #[serde(rename = "Peers")]
    peers: Option<Vec<IgnoredAny>>,
}

impl Kubo {
    /// Whether the node has peers in its swarm. A node in offline mode refuses the question, and so does a proxy that lacks
    /// the call: neither has peers that this registry could know of.
    pub async fn has_peers(&self) -> Result<bool, IpfsError> {
        Ok(self.count_peers().await? > 0)
    }

    /// The number of peers in the node's swarm; 0 where [`has_peers`](Self::has_peers) is false.
    pub async fn count_peers(&self) -> Result<u64, IpfsError> {
        let call = metrics::kubo_call("swarm/peers");
        let asked = async {
            match Rpc::new(Call::Peers).try_send(self).await? {
                Ok(answer) => count_peers(&answer.bytes(LIST).await?),
                Err(refusal) if refusal.status.is_client_error() => Ok(0),
                Err(refusal) if refusal.message.contains(OFFLINE) => Ok(0),
                Err(refusal) => Err(refusal.into()),
            }
        };
        call.run(asked).await
    }
}

fn count_peers(answer: &Bytes) -> Result<u64, IpfsError> {
    let broken = |_| IpfsError::Broken("swarm/peers answered no list of peers".to_owned());
    let answer: Peers = serde_json::from_slice(answer).map_err(broken)?;
    Ok(answer.peers.map_or(0, |peers| peers.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_peers_may_be_null() {
        let ask = |text: &'static str| count_peers(&Bytes::from_static(text.as_bytes()));
        assert_eq!(ask(r#"{"Peers":null}"#), Ok(0));
        assert_eq!(ask(r#"{"Peers":[]}"#), Ok(0));
        assert_eq!(ask("{}"), Ok(0));
        assert_eq!(ask(r#"{"Peers":[{"Addr":"/ip4/1.2.3.4/tcp/4001","Peer":"12D3"}]}"#), Ok(1));
        assert!(ask("peers").is_err());
    }
}
