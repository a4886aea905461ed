//! Writing the row of a part that Kubo has stored.

use uuid::Uuid;

use crate::ipfs::IpfsError;
use crate::ipld::Cid;
use crate::registry::pins::Content;
use crate::registry::{Collector, Registry, RegistryError};
use crate::store::{Epoch, Part, Recorded, SavedHash, Stored};

/// How often a part is recorded whose blocks may have been removed meanwhile.
const ATTEMPTS: u32 = 3;

/// Commits the row of a part. Pins the part first if the node may remove it otherwise. If the registry has removed blocks
/// since the part was stored in `epoch`, checks first that all of its blocks are still there.
///
/// # Errors
/// [`IpfsError::Unavailable`] when they are not. The client sends the bytes again.
pub(super) async fn record_part(
    registry: &Registry,
    id: Uuid,
    received: u64,
    part: Part,
    mut epoch: Epoch,
    hash: Option<&SavedHash>,
) -> Result<Recorded, RegistryError> {
    for _ in 0..ATTEMPTS {
        let claim = match registry.limits().collector {
            Collector::Registry => None,
            Collector::Node => {
                let pinned = registry.pin(&part.cid, Content::Tree).await;
                Some(pinned.map_err(|error| removed(&part.cid, error))?)
            }
        };
        let stored = Stored { claim, epoch };
        let uploads = registry.store().uploads();
        match uploads.record_part(id, received, part, stored, hash).await? {
            Recorded::Unclaimed => return Err(RegistryError::Claimed(part.cid)),
            Recorded::Collected => {
                registry.collecting().look().await?;
                epoch = registry.collecting().enter().await?;
                let found = registry.ipfs().examine(&part.cid, part.size).await;
                found.map_err(|error| removed(&part.cid, error.into()))?;
            }
            recorded => return Ok(recorded),
        }
    }
    Err(RegistryError::Collecting)
}

/// The error when blocks of a part were removed before its row was written.
fn removed(cid: &Cid, error: RegistryError) -> RegistryError {
    match error {
        RegistryError::Ipfs(IpfsError::Missing(block)) => {
            let text =
                format!("block {block} of part {cid} was removed before the part was recorded");
            IpfsError::Unavailable(text).into()
        }
        error => error,
    }
}
