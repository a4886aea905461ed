//! Pinning a file that is there, and fetching one that is not.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::error::IpfsError;
use super::kubo::Kubo;
use super::rpc::Rpc;
use super::way::Call;
use crate::ipld::Cid;

/// Time for the answer to come after the deadline that Kubo keeps itself.
const GRACE: Duration = Duration::from_secs(10);

impl Kubo {
    /// Pins a file whose blocks are all there. Stores the root once more together with its pin, because `pin/add` would
    /// read every block.
    pub async fn pin_root(&self, cid: &Cid) -> Result<(), IpfsError> {
        // Pinning a CID that is pinned removes the pin for a moment.
        if self.is_pinned(cid).await? {
            return Ok(());
        }
        self.put_pinned(&self.stored(cid).await?).await
    }

    /// Pins a file and everything below it, and lets Kubo fetch from its peers what it does not hold.
    pub async fn fetch(&self, cid: &Cid, within: Duration) -> Result<(), IpfsError> {
        let limit = format!("recursive=true&progress=false&timeout={}ms", within.as_millis());
        let rpc = Rpc::new(Call::Pin).about(cid).within(within + GRACE).with(&limit);
        rpc.json::<IgnoredAny>(self).await.map(drop)
    }
}
