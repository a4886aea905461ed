//! The repository of a Kubo on this host.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quick_cache::sync::Cache;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use tracing::{debug, warn};

use super::flatfs::{Flatfs, LayoutError};
use super::miss::{Miss, compare_length};
use crate::ipld::dag::{Leaf, parse_node};
use crate::ipld::{Cid, Codec};
use crate::telemetry::metrics;

/// Nodes whose children are remembered. The children of one take at most 48 KiB.
const NODES: usize = 64;

/// Longest node in bytes, and so that of a block that nodes of IPFS exchange.
const NODE_BYTES: u64 = 2 << 20;

/// The repository of a Kubo on this host. Cheap to clone.
#[derive(Clone)]
pub struct Repository(Arc<Parts>);

struct Parts {
    flatfs: Flatfs,
    /// What is below a node follows from its CID, so it never changes. A thousand pulls of a layer share it.
    nodes: Cache<Cid, Arc<[Leaf]>>,
    /// Whether the operator was told that a block could not be read.
    told: AtomicBool,
}

impl Repository {
    /// Reads how the repository in this directory keeps its blocks.
    ///
    /// # Errors
    /// It is not the repository of a Kubo that keeps its blocks in flatfs, or this process may not read it.
    pub fn open(directory: &Path) -> Result<Self, LayoutError> {
        let flatfs = Flatfs::open(directory)?;
        let (nodes, told) = (Cache::new(NODES), AtomicBool::default());
        Ok(Self(Arc::new(Parts { flatfs, nodes, told })))
    }

    /// Opens the repository of a server, or tells the operator why it is not used.
    pub(in crate::content) fn of_server(directory: &Path) -> Option<Self> {
        let path = directory.display();
        match Self::open(directory) {
            Ok(repository) => {
                debug!(event = "local_blocks", %path, "blobs are read from the files of Kubo in {path}");
                Some(repository)
            }
            Err(error) => {
                warn!(
                    event = "local_blocks_unusable", %path, %error,
                    "blobs are read through Kubo, which takes more processor time, because {error}; \
                     OPEN_REGISTRY_DFS_IPFS_REPO_DIR must name the directory that is IPFS_PATH for Kubo, and this server \
                     must be able to read it"
                );
                None
            }
        }
    }

    /// Opens the file of a block, to find out whether this process can.
    ///
    /// # Errors
    /// A sentence that says why it cannot.
    pub fn try_block(&self, cid: &Cid) -> Result<(), String> {
        self.file(cid).map(drop).map_err(|miss| miss.to_string())
    }

    pub(super) fn file(&self, cid: &Cid) -> Result<File, Miss> {
        self.file_blocking(cid).map_err(|error| Miss::of(*cid, error))
    }

    pub(super) fn file_blocking(&self, cid: &Cid) -> io::Result<File> {
        File::open(self.0.flatfs.file_of(cid))
    }

    /// Looks whether a leaf has a file of its length.
    pub(super) fn look(&self, leaf: &Leaf) -> Result<(), Miss> {
        compare_length(leaf, fs::metadata(self.0.flatfs.file_of(&leaf.cid)))
    }

    /// Opens the file of a block if the system knows its whole path from memory. Older systems never do.
    pub(super) fn file_now(&self, cid: &Cid) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let path = self.0.flatfs.file_of(cid);
        let opened = openat2(CWD, &path, flags, Mode::empty(), ResolveFlags::CACHED)?;
        Ok(File::from(opened))
    }

    /// The children of a node of `size` bytes, compared with its CID.
    pub(super) fn children(&self, cid: &Cid, size: u64) -> Result<Arc<[Leaf]>, Miss> {
        if let Some(known) = self.0.nodes.get(cid) {
            return Ok(known);
        }
        let (file, mut block) = (self.file(cid)?, Vec::new());
        file.take(NODE_BYTES + 1).read_to_end(&mut block).map_err(|error| Miss::of(*cid, error))?;
        if Cid::of_block(Codec::DagPb, &block) != *cid {
            return Err(Miss::Damaged(*cid));
        }
        let links = parse_node(&block).map_err(|error| Miss::Odd(*cid, error.to_string()))?;
        if links.iter().map(|link| link.size).sum::<u64>() != size {
            return Err(Miss::Odd(*cid, format!("it has not {size} bytes")));
        }
        let children: Arc<[Leaf]> =
            links.iter().map(|link| Leaf { cid: link.cid, size: link.size }).collect();
        self.0.nodes.insert(*cid, Arc::clone(&children));
        Ok(children)
    }

    /// Counts a file that begins to be read, or a miss.
    pub(super) fn counted<T>(&self, opened: Result<T, Miss>) -> Result<T, Miss> {
        match &opened {
            Ok(_) => metrics::origin_read("local"),
            Err(miss) => self.missed(miss),
        }
        opened
    }

    /// Counts a miss, and tells the operator of the first one.
    pub(super) fn missed(&self, miss: &Miss) {
        metrics::local_block_missed(miss.word());
        if self.0.told.swap(true, Ordering::Relaxed) {
            debug!(event = "local_block_missed", %miss, "{miss}");
            return;
        }
        warn!(
            event = "local_block_missed", %miss,
            "{miss}; Kubo is asked for it instead, unless its bytes are wrong. This is logged once; \
             registry_local_block_misses_total counts on. If it goes on, OPEN_REGISTRY_DFS_IPFS_REPO_DIR may name the \
             repository of another Kubo, or this server may not read the files in it"
        );
    }
}
