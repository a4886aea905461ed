//! The cache of layers of a server.

use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::config::Config;
use crate::content::Content;
use crate::ipfs::Kubo;

/// Sets up the reading of blobs, with the cache that the settings ask for. A data directory that cannot be used costs speed
/// only, so it does not keep a server from starting.
pub(super) async fn content(config: &Config, ipfs: &Kubo) -> Content {
    let content = Content::new(ipfs.clone());
    if config.cache_bytes == Some(0) {
        return content;
    }
    let (top, bytes, spare) =
        (config.data_dir.join("cache"), config.cache_bytes, config.data_dir_free);
    let (uncached, path) = (content.clone(), top.display().to_string());
    let opened = spawn_blocking(move || content.caching(&top, bytes, spare)).await;
    match opened.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(cached) => {
            info!(event = "cache", path, "copies of layers are kept in {path}");
            cached
        }
        Err(error) => {
            warn!(
                event = "no_cache", path, %error,
                "cannot keep copies of layers in {path}: {error}. Every pull reads Kubo. Set OPEN_REGISTRY_DATA_DIR to a \
                 directory that this user can write, or OPEN_REGISTRY_CACHE_SIZE=0 to do without"
            );
            uncached
        }
    }
}
