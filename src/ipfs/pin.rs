//! Pins. A CID in Kubo is pinned or not, without a count: the caller must know whether anyone still needs it.
//!
//! Beside an IPFS Cluster a pin is an entry in the state that its peers share. The proxy answers when the entry is there, and
//! the nodes follow: each fetches the blocks that it lacks from the others, and pins them. Until then the blocks are where they
//! were stored, so nobody may collect a node of a cluster.
//!
//! A call that sets or drops a pin is sent once, on a connection that a caller which gives up resets: Kubo then does not
//! carry the call out later.

use std::time::Duration;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::patience::patient;
use super::rpc::Rpc;
use super::way::Call;
use crate::ipld::Cid;
use crate::outbound::Close;
use crate::telemetry::metrics;

/// Time for a pin, which reads everything below the CID.
const PIN: Duration = Duration::from_secs(30);

/// A pin that was perhaps not dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the other field is its name")]
pub struct UnpinError {
    pub error: IpfsError,
    /// Whether Kubo may still carry the call out, because it was sent and got no answer.
    pub doubtful: bool,
}

impl Kubo {
    /// Pins a CID, after Kubo has read everything below it. Call it only when [`is_pinned`](Self::is_pinned) has answered
    /// `false`, and let nobody else pin the CID meanwhile (see [`put_pinned`](Self::put_pinned)). A cluster reads nothing before
    /// it answers, and may be told again.
    ///
    /// # Errors
    /// [`IpfsError::Missing`] when a block is not there. Then nothing is pinned. A cluster does not say so.
    pub async fn pin(&self, cid: &Cid) -> Result<(), IpfsError> {
        let call = metrics::kubo_call("pin/add");
        let rpc = Rpc::new(Call::Pin).about(cid).within(PIN);
        let rpc = rpc.with("recursive=true&progress=false&offline=true&timeout=30s");
        let pinned = async {
            let connection = rpc.open(self, Close::Reset).await?;
            let answer = rpc.try_send_on(self, connection).await?;
            let answer = answer.map_err(|refusal| refusal.about(cid))?;
            answer.json::<serde::de::IgnoredAny>().await.map(drop)
        };
        call.run(pinned).await
    }

    /// Removes the pins of some CIDs. Returns `false` if Kubo stopped at one that has no pin; for a single CID that is as
    /// good as done. A cluster takes one CID at a time and stops before several. Does not wait for a Kubo that is gone.
    pub async fn unpin(&self, cids: &[Cid]) -> Result<bool, UnpinError> {
        if self.is_clustered() && cids.len() > 1 {
            return Ok(false);
        }
        let call = metrics::kubo_call("pin/rm");
        let rpc =
            cids.iter().fold(Rpc::new(Call::Unpin), |rpc, cid| rpc.with(&format!("arg={cid}")));
        let rpc = rpc.with("recursive=true");
        let unsent = |error| UnpinError { error, doubtful: false };
        let connection = match rpc.open(self, Close::Reset).await {
            Ok(connection) => connection,
            Err(error) => return call.end(Err(error)).map_err(unsent),
        };
        let sent = async {
            match rpc.try_send_on(self, connection).await? {
                Ok(answer) => answer.json::<serde::de::IgnoredAny>().await.map(|_| Ok(true)),
                Err(refusal) if has_no_pin(&refusal.message) => Ok(Ok(false)),
                Err(refusal) => Ok(Err(IpfsError::from(refusal))),
            }
        };
        match call.run(sent).await {
            Ok(answered) => answered.map_err(unsent),
            Err(error) => Err(UnpinError { error, doubtful: true }),
        }
    }

    /// Whether a CID is pinned with everything below it.
    pub async fn is_pinned(&self, cid: &Cid) -> Result<bool, IpfsError> {
        let rpc = Rpc::new(Call::Pins).about(cid).with("type=recursive");
        let asked = || async {
            let call = metrics::kubo_call("pin/ls");
            let result = async {
                match rpc.try_send(self).await? {
                    Ok(answer) => answer.json::<serde::de::IgnoredAny>().await.map(|_| true),
                    // `path '…' is not pinned`
                    Err(refusal) if refusal.message.contains("not pinned") => Ok(false),
                    Err(refusal) => Err(refusal.about(cid)),
                }
            };
            call.run(result).await
        };
        patient(self.origin(Call::Pins), asked).await
    }
}

/// Whether an error text means that a CID has no pin: `not pinned or pinned indirectly` in Kubo, and another in a cluster
/// (ipfs-cluster `state/interface.go`, `ErrNotFound`).
fn has_no_pin(message: &str) -> bool {
    message.contains("not pinned") || message.contains("not part of the pinset")
}
