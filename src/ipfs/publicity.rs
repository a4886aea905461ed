//! Whether a node has peers: then everyone who knows a CID can read its content.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::rpc::Rpc;
use crate::telemetry::metrics;

/// Longest list of peers that is read. A public node has some hundred peers, and each is about 200 bytes.
const LIST: usize = 16 << 20;

/// Part of the message with which a node in offline mode refuses (kubo `core/commands/cmdenv`, `ErrNotOnline`).
const OFFLINE: &str = "online mode";

#[derive(Deserialize)]
struct Peers {
    #[serde(rename = "Peers")]
    peers: Option<Vec<IgnoredAny>>,
}

impl Kubo {
    /// Whether the node has peers in its swarm. A node in offline mode refuses the question, and so does a proxy that lacks
    /// the call: neither has peers that this registry could know of.
    pub async fn has_peers(&self) -> Result<bool, IpfsError> {
        let call = metrics::kubo_call("swarm/peers");
        let asked = async {
            match Rpc::new("swarm/peers").try_send(&self.api).await? {
                Ok(answer) => has_peers(&answer.bytes(LIST).await?),
                Err(refusal) if refusal.status.is_client_error() => Ok(false),
                Err(refusal) if refusal.message.contains(OFFLINE) => Ok(false),
                Err(refusal) => Err(refusal.into()),
            }
        };
        call.end(asked.await)
    }
}

fn has_peers(answer: &Bytes) -> Result<bool, IpfsError> {
    let broken = |_| IpfsError::Broken("swarm/peers answered no list of peers".to_owned());
    let answer: Peers = serde_json::from_slice(answer).map_err(broken)?;
    Ok(answer.peers.is_some_and(|peers| !peers.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_peers_may_be_null() {
        let ask = |text: &'static str| has_peers(&Bytes::from_static(text.as_bytes()));
        assert_eq!(ask(r#"{"Peers":null}"#), Ok(false));
        assert_eq!(ask(r#"{"Peers":[]}"#), Ok(false));
        assert_eq!(ask("{}"), Ok(false));
        assert_eq!(ask(r#"{"Peers":[{"Addr":"/ip4/1.2.3.4/tcp/4001","Peer":"12D3"}]}"#), Ok(true));
        assert!(ask("peers").is_err());
    }
}
