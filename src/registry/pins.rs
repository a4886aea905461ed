//! Pinning what rows are about to name.
//!
//! Pins are set under a claim (`store/uploads/pin.rs`) and only when no row can need one that is there: Kubo pins what is
//! pinned already by dropping the pin first, and loses it if it dies in between. A cluster does not.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Collector, Registry, RegistryError};
use crate::ipfs::{Block, IpfsError};
use crate::ipld::Cid;
use crate::seal::random;
use crate::store::Claim;

/// How long a caller waits for another claim of the CID to end, even if its owner has died.
const CLAIM_WAIT: Duration = Duration::from_secs(Claim::LASTS.as_secs() + 2);

/// Pause before the next attempt to claim a CID, at most. It is random, so that the callers do not come together.
const CLAIM_PAUSE: Duration = Duration::from_millis(100);

/// Time for the calls to Kubo under a claim. The rest of the claim is for the transaction that ends it.
const CALLS: Duration = Duration::from_secs(Claim::LASTS.as_secs() - 2);

/// What is to be pinned, and how.
#[derive(Clone, Copy)]
pub(super) enum Content<'c> {
    /// A block that is stored by the same call. Everything below it is stored already.
    Block(&'c Block),
    /// A block that Kubo holds, with everything below it.
    Stored,
    /// A block that Kubo holds. Kubo reads everything below it first, and fails if something is missing.
    Tree,
}

impl Registry {
    /// Claims a CID and makes sure that Kubo pins it. The transaction that lets a row name the CID ends the claim.
    ///
    /// # Errors
    /// [`RegistryError::Claimed`] when another request works on the same CID for too long.
    pub(super) async fn pin(
        &self,
        cid: &Cid,
        content: Content<'_>,
    ) -> Result<Claim, RegistryError> {
        let claim = self.claim(cid).await?;
        let late = |_| Err(IpfsError::Unavailable(format!("pinning {cid} took over {CALLS:?}")));
        match timeout(CALLS, Box::pin(self.pin_claimed(&claim, content))).await.unwrap_or_else(late)
        {
            Ok(()) => Ok(claim),
            Err(error) => {
                // The claim ends by itself if this fails.
                let _ = self.store().pins().abandon(claim).await;
                Err(error.into())
            }
        }
    }

    async fn claim(&self, cid: &Cid) -> Result<Claim, RegistryError> {
        let deadline = Instant::now() + CLAIM_WAIT;
        loop {
            if let Some(claim) = self.store().pins().claim(cid).await? {
                return Ok(claim);
            }
            let pause = CLAIM_PAUSE.mul_f64(random::fraction());
            if timeout_at(deadline, sleep(pause)).await.is_err() {
                return Err(RegistryError::Claimed(*cid));
            }
        }
    }

    async fn pin_claimed(&self, claim: &Claim, content: Content<'_>) -> Result<(), IpfsError> {
        let (ipfs, cid) = (self.ipfs(), &claim.cid());
        // Only a Kubo that the registry has for itself has no pins of others.
        let unneeded = self.limits().collector == Collector::Registry && claim.is_first();
        // A peer of a cluster may not know yet that another one has dropped the pin, and setting it again does no harm there.
        let pinned = !ipfs.is_clustered() && !unneeded && ipfs.is_pinned(cid).await?;
        match (content, pinned) {
            // Kubo may have lost the bytes of a pinned block.
            (Content::Block(block), true) => ipfs.put(block).await,
            (Content::Block(block), false) => ipfs.put_pinned(block).await,
            (Content::Stored, false) => ipfs.put_pinned(&ipfs.stored(cid).await?).await,
            (Content::Tree, false) => ipfs.pin(cid).await,
            (Content::Stored | Content::Tree, true) => Ok(()),
        }
    }
}
