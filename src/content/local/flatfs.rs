//! Where flatfs keeps the file of a block (go-ds-flatfs `shard.go` and `flatfs.go`).
//!
//! Kubo names a block by its multihash in upper-case base32, whatever the codec of its CID. The file is in a directory
//! whose name is a part of that name. `blocks/SHARDING` says which part.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use thiserror::Error;

use crate::ipld::Cid;

/// What the text in `SHARDING` begins with.
const PREFIX: &str = "/repo/flatfs/shard/v1/";

/// Length of the name of a block in characters.
const NAME: usize = 55;

/// Why the blocks of a repository cannot be read.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// The file that describes the layout is missing or cannot be read.
    #[error("{path} cannot be read: {source}")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Unreadable { path: PathBuf, source: io::Error },
    /// The layout is another one than the three that flatfs knows.
    #[error("{path} names the layout `{text}`, which this registry does not know")]
    #[allow(missing_docs, reason = "the fields are their names")]
    Unknown { path: PathBuf, text: String },
}

/// The blocks of a repository.
#[derive(Debug)]
pub(super) struct Flatfs {
    blocks: PathBuf,
    shard: Shard,
}

/// The part of a name that is the name of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shard {
    Prefix(usize),
    Suffix(usize),
    NextToLast(usize),
}

impl Flatfs {
    /// Reads the layout of the repository in this directory.
    pub(super) fn open(repository: &Path) -> Result<Self, LayoutError> {
        let blocks = repository.join("blocks");
        let path = blocks.join("SHARDING");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(LayoutError::Unreadable { path, source }),
        };
        match Shard::parse(text.trim()) {
            Some(shard) => Ok(Self { blocks, shard }),
            None => {
                Err(LayoutError::Unknown { path, text: text.trim().chars().take(64).collect() })
            }
        }
    }

    /// The file that holds a block if Kubo has it.
    pub(super) fn file_of(&self, cid: &Cid) -> PathBuf {
        // Without version and codec, the binary form of a CID is its multihash.
        let name = BASE32_NOPAD.encode(&cid.to_bytes()[2..]);
        self.blocks.join(self.shard.of(&name)).join(name + ".data")
    }
}

impl Shard {
    fn parse(text: &str) -> Option<Self> {
        let (kind, length) = text.strip_prefix(PREFIX)?.split_once('/')?;
        let length = length.parse().ok().filter(|length| (1..NAME).contains(length))?;
        match kind {
            "prefix" => Some(Self::Prefix(length)),
            "suffix" => Some(Self::Suffix(length)),
            "next-to-last" => Some(Self::NextToLast(length)),
            _ => None,
        }
    }

    fn of(self, name: &str) -> &str {
        let end = name.len();
        match self {
            Self::Prefix(length) => &name[..length],
            Self::Suffix(length) => &name[end - length..],
            Self::NextToLast(length) => &name[end - 1 - length..end - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipld::Codec;

    #[test]
    fn the_directory_is_the_part_of_the_name_that_the_layout_says() {
        let name = BASE32_NOPAD.encode(&Cid::of_block(Codec::Raw, b"hello").to_bytes()[2..]);
        assert_eq!(name.len(), NAME);
        for (text, directory) in [
            ("/repo/flatfs/shard/v1/next-to-last/2", &name[52..54]),
            ("/repo/flatfs/shard/v1/prefix/3", &name[..3]),
            ("/repo/flatfs/shard/v1/suffix/2", &name[53..]),
        ] {
            assert_eq!(Shard::parse(text).unwrap().of(&name), directory, "{text}");
        }
    }

    #[test]
    fn other_layouts_are_refused() {
        for text in [
            "",
            "/repo/flatfs/shard/v2/next-to-last/2",
            "/repo/flatfs/shard/v1/next-to-last/0",
            "/repo/flatfs/shard/v1/next-to-last/55",
            "/repo/flatfs/shard/v1/next-to-last",
            "/repo/flatfs/shard/v1/middle/2",
        ] {
            assert_eq!(Shard::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_codec_of_a_cid_does_not_change_its_file() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("blocks")).unwrap();
        let sharding = directory.path().join("blocks/SHARDING");
        assert!(matches!(Flatfs::open(directory.path()), Err(LayoutError::Unreadable { .. })));
        fs::write(&sharding, "/repo/flatfs/shard/v1/next-to-last/2\n").unwrap();
        let flatfs = Flatfs::open(directory.path()).unwrap();
        let files =
            [Codec::Raw, Codec::DagPb].map(|codec| flatfs.file_of(&Cid::new(codec, [7; 32])));
        assert_eq!(files[0], files[1]);
        fs::write(&sharding, "something else").unwrap();
        let refused = Flatfs::open(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("`something else`"), "{refused}");
    }
}
