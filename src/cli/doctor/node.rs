//! Kubo: its version and settings, its cluster, its peers, its space, and a sample of pins.

use std::path::Path;

use super::finding::{Findings, Level};
use crate::cli::progress::size;
use crate::config::{self, Config, Exposure};
use crate::content::Repository;
use crate::ipfs::{IpfsError, Kubo, NodeSettings};
use crate::store::Checkup;

/// Blobs whose pins are looked for.
const SAMPLE: u32 = 20;

/// The oldest version whose `add` answers as the registry needs it.
const FLOOR: (u32, u32) = (0, 39);
/// The oldest version whose pins never hang while it announces what it holds.
const GOOD: (u32, u32) = (0, 42);

/// Looks at the node.
pub(super) async fn look(
    config: &Config,
    kubo: &config::Kubo,
    checkup: Option<&Checkup>,
    findings: &mut Findings,
) {
    let ipfs = match Kubo::new(kubo) {
        Ok(ipfs) => ipfs,
        Err(error) => {
            findings.add(Level::Broken, "kubo", error.to_string()).means(
                "the server cannot verify Kubo and does not start",
                "correct OPEN_REGISTRY_DFS_IPFS_CA_FILE",
            );
            return;
        }
    };
    let looked = async {
        version(&ipfs.version().await?, findings);
        let peers = ipfs.has_peers().await.unwrap_or(false);
        if peers && config.kubo_may_be_public != Some(true) {
            findings.exposed(Exposure::Kubo);
        }
        settings(ipfs.node_settings().await?.as_ref(), peers, ipfs.is_clustered(), findings);
        if !cluster(&ipfs, findings).await {
            return Ok(());
        }
        space(&ipfs, config.kubo.is_none(), findings).await?;
        if kubo.gateway.is_none() {
            findings.add(Level::Warning, "kubo", "no gateway is set").means(
                "pulls through the RPC API take three times the processor time",
                "set OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL to the gateway of the same Kubo",
            );
        }
        if let Some(directory) = &kubo.repository {
            files(directory, checkup, findings).await;
        }
        match checkup {
            Some(checkup) => pins(&ipfs, checkup, findings).await,
            None => Ok(()),
        }
    };
    let looked: Result<(), IpfsError> = looked.await;
    if let Err(error) = looked {
        findings.add(Level::Broken, "kubo", error.to_string()).means(
            "the registry answers pushes and pulls with 503, or does not start",
            "start Kubo, or correct OPEN_REGISTRY_DFS_IPFS_API_URL and the login beside it",
        );
    }
}

fn version(version: &str, findings: &mut Findings) {
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse().ok());
    let found: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let says = format!("version {version}");
    if found < FLOOR {
        findings
            .add(Level::Broken, "kubo", says)
            .means("the server does not start with a Kubo before 0.39", "upgrade Kubo");
    } else if found < GOOD {
        findings.add(Level::Warning, "kubo", says).means(
            "before 0.42 a call about a pin can hang for hours while Kubo announces what it holds",
            "upgrade Kubo",
        );
    } else {
        findings.fine("kubo", says);
    }
}

/// Looks whether the proxy of the cluster answers. Without it space and pins cannot be looked at.
async fn cluster(ipfs: &Kubo, findings: &mut Findings) -> bool {
    match ipfs.cluster_ready().await {
        Ok(()) if ipfs.is_clustered() => findings.fine("cluster", "its proxy answers"),
        Ok(()) => {}
        Err(error) => {
            findings
                .add(Level::Broken, "cluster", format!("its proxy does not answer: {error}"))
                .means(
                    "the registry answers pushes with 503; pulls go on",
                    "start ipfs-cluster-service, or correct OPEN_REGISTRY_DFS_IPFS_CLUSTER_URL",
                );
            return false;
        }
    }
    true
}

fn settings(
    settings: Option<&NodeSettings>,
    peers: bool,
    clustered: bool,
    findings: &mut Findings,
) {
    let Some(settings) = settings else {
        let says =
            "its settings cannot be read through this login or proxy, and were not looked at";
        return findings.fine("kubo", says);
    };
    let NodeSettings { syncs_blocks, block_cache, announces, gateway_fetches, .. } = settings;
    for (is_so, says, means, todo) in [
        (
            *syncs_blocks == Some(false),
            "Datastore.Spec has a flatfs without \"sync\": true",
            "a crash of its machine can lose blobs that clients were told to be stored",
            "set it in the configuration of Kubo, and start Kubo anew",
        ),
        (
            block_cache.is_some_and(|entries| entries > 0),
            "Datastore.BlockKeyCacheSize is not 0",
            "a damaged block is not written again when its blob is pushed again",
            "run `ipfs config --json Datastore.BlockKeyCacheSize 0`, and start Kubo anew",
        ),
        (
            *announces == Some(true) && peers,
            "Provide.Enabled is not false",
            "Kubo tells the network which blocks it holds",
            "run `ipfs config --json Provide.Enabled false`, unless you want that",
        ),
        (
            *gateway_fetches == Some(true) && peers && !clustered,
            "Gateway.NoFetch is not true",
            "a pull of a lost block can wait for the network",
            "run `ipfs config --json Gateway.NoFetch true`, and start Kubo anew",
        ),
        (
            *gateway_fetches == Some(false) && clustered,
            "Gateway.NoFetch is true in a node of a cluster",
            "a pull of a blob that only other nodes hold fails",
            "run `ipfs config --json Gateway.NoFetch false`, and start Kubo anew",
        ),
    ] {
        if is_so {
            findings.add(Level::Warning, "kubo", says).means(means, todo);
        }
    }
    if settings.hashes_on_read == Some(true) {
        findings.fine(
            "kubo",
            "Datastore.HashOnRead is on; the registry compares digests itself, so off is faster",
        );
    }
}

async fn space(ipfs: &Kubo, private: bool, findings: &mut Findings) -> Result<(), IpfsError> {
    let found = ipfs.repository_size().await?;
    let says = format!("its repository has {} of {}", size(found.bytes), size(found.limit));
    // Kubo does not tell whether its daemon was started with --enable-gc. The private one never is.
    if private || found.bytes < found.limit / 10 * 9 {
        findings.fine("kubo", says);
        return Ok(());
    }
    findings.add(Level::Warning, "kubo", says).means(
        "a daemon with --enable-gc collects at this size and stops pushes meanwhile; whether it has the flag cannot be seen",
        "start Kubo without --enable-gc, and raise Datastore.StorageMax",
    );
    Ok(())
}

/// Looks whether the files of Kubo's repository can be read, by that of the root of a blob.
async fn files(directory: &Path, checkup: Option<&Checkup>, findings: &mut Findings) {
    let readable = async {
        let repository = Repository::open(directory).map_err(|error| error.to_string())?;
        match checkup {
            Some(checkup) => match checkup.sample(1).await.unwrap_or_default().first() {
                Some((_, cid)) => repository.try_block(cid),
                None => Ok(()),
            },
            None => Ok(()),
        }
    };
    let path = directory.display();
    match readable.await {
        Ok(()) => findings.fine("kubo", format!("blocks can be read from the files in {path}")),
        Err(reason) => findings
            .add(Level::Warning, "kubo", format!("blocks cannot be read from the files in {path}: {reason}"))
            .means(
                "pulls go through Kubo, which takes about twice the processor time of the machine",
                "name the directory that is IPFS_PATH for this Kubo in OPEN_REGISTRY_DFS_IPFS_REPO_DIR, and let the user \
                 of the registry read the files in it; or remove the setting",
            ),
    }
}

/// Looks for the pins and the roots of some blobs.
async fn pins(ipfs: &Kubo, checkup: &Checkup, findings: &mut Findings) -> Result<(), IpfsError> {
    let Ok(sample) = checkup.sample(SAMPLE).await else { return Ok(()) };
    let (mut unpinned, mut lost) = (Vec::new(), Vec::new());
    for (digest, cid) in &sample {
        match ipfs.block(cid).await {
            Ok(_) => {}
            Err(IpfsError::Missing(_) | IpfsError::Broken(_)) => lost.push(digest.as_str()),
            Err(error) => return Err(error),
        }
        if !ipfs.is_pinned(cid).await? {
            unpinned.push(digest.as_str());
        }
    }
    let count = sample.len();
    if count == 0 {
        findings.fine("pins", "there is no blob yet");
        return Ok(());
    }
    if !lost.is_empty() {
        let says =
            format!("{} of {count} blobs have lost their root: {}", lost.len(), lost.join(", "));
        findings.add(Level::Broken, "pins", says).means(
            "Kubo has lost blocks, or it is another Kubo than the one that was pushed to",
            "name the right Kubo; else run `af-registry scrub run`, which finds and repairs what it can",
        );
    }
    if !unpinned.is_empty() {
        let says =
            format!("{} of {count} blobs are not pinned: {}", unpinned.len(), unpinned.join(", "));
        findings.add(Level::Warning, "pins", says).means(
            "the next collection pins them again, but a `repo gc` of somebody else before it removes their bytes",
            "run `af-registry jobs run collect`, and look for what removes pins from this Kubo",
        );
    }
    if lost.is_empty() && unpinned.is_empty() {
        findings
            .fine("pins", format!("{count} blobs were looked for, and all are there and pinned"));
    }
    Ok(())
}
