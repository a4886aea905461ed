//! Finds out, at start, whether the Kubo of an operator may be removing blocks by itself.

use tracing::{info, warn};

use crate::ipfs::Kubo;

/// Percentage of its limit from which on a Kubo with `--enable-gc` collects (`Datastore.StorageGCWatermark`).
const WATERMARK: u64 = 90;

/// Tells the operator what it means that the registry does not collect this Kubo. Kubo does not say whether its daemon was
/// started with `--enable-gc`, so the size of its repository is looked at.
pub(super) async fn tell(kubo: &Kubo) {
    let Ok(size) = kubo.repository_size().await else { return };
    if size.limit > 0 && size.bytes >= size.limit / 100 * WATERMARK {
        warn!(
            event = "kubo_may_collect",
            bytes = size.bytes,
            limit = size.limit,
            "the repository of Kubo has reached {WATERMARK} % of its Datastore.StorageMax; if its daemon was started with \
             --enable-gc, it removes blocks by itself, stops pushes meanwhile, and may make clients repeat a push; raise \
             StorageMax, or start it without --enable-gc and set OPEN_REGISTRY_DFS_IPFS_GC=true"
        );
        return;
    }
    info!(
        event = "kubo_not_collected",
        "the registry does not remove from Kubo what no image needs; if no other program uses this Kubo, and its daemon runs \
         without --enable-gc, set OPEN_REGISTRY_DFS_IPFS_GC=true"
    );
}
