//! Pins. A CID in Kubo is pinned or not, without a count: the caller must know whether anyone still needs it.

use std::time::Duration;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::patience::patient;
use super::rpc::Rpc;
use crate::ipld::Cid;
use crate::telemetry::metrics;

/// Time for a pin, which reads everything below the CID.
const PIN: Duration = Duration::from_secs(30);

impl Kubo {
    /// Pins a CID and everything below it.
    pub async fn pin(&self, cid: &Cid) -> Result<(), IpfsError> {
        // `pin/add` of a pinned CID first removes the pin, reads everything again, and then sets it again (boxo
        // `pinning/pinner/dspinner/pin.go`). So it is called only when there is no pin.
        if self.is_pinned(cid).await? {
            return Ok(());
        }
        let rpc = Rpc::new("pin/add").about(cid).within(PIN);
        let rpc = rpc.with("recursive=true&progress=false&offline=true&timeout=30s");
        rpc.json::<serde::de::IgnoredAny>(&self.api).await.map(drop)
    }

    /// Removes a pin. Succeeds if there is none. Does not wait for a Kubo that is gone, because the caller holds a
    /// connection to PostgreSQL meanwhile, and tries again later.
    pub async fn unpin(&self, cid: &Cid) -> Result<(), IpfsError> {
        self.pinned("pin/rm", "recursive=true", cid).await.map(drop)
    }

    pub(super) async fn is_pinned(&self, cid: &Cid) -> Result<bool, IpfsError> {
        patient(&self.api, || self.pinned("pin/ls", "type=recursive", cid)).await
    }

    /// Makes a call about a pin, once. Returns `false` if Kubo answers that there is no such pin.
    async fn pinned(&self, name: &'static str, with: &str, cid: &Cid) -> Result<bool, IpfsError> {
        let call = metrics::kubo_call(name);
        let rpc = Rpc::new(name).about(cid).with(with);
        let result = async {
            match rpc.try_send(&self.api).await? {
                Ok(answer) => answer.json::<serde::de::IgnoredAny>().await.map(|_| true),
                // `not pinned or pinned indirectly`, `path '…' is not pinned`
                Err(refusal) if refusal.message.contains("not pinned") => Ok(false),
                Err(refusal) => Err(refusal.about(cid)),
            }
        };
        call.end(result.await)
    }
}
