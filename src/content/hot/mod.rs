//! Layers that are read from the local disk, without a digest of the whole.
//!
//! A copy is a plain file, named by its digest: the bytes of the blob, then a checksum of each piece (`layout`). It gets its
//! name when its digest has matched. There is no index on the disk: names, lengths and times of the files are the index, so
//! a process that was killed leaves nothing that disagrees. Nothing is synced, because everything can be read again; the
//! checksums find what a power cut left, and what a disk changes later.
//!
//! The first client that pulls a layer starts a task that fills the copy. All clients, the first one too, read behind it
//! in the file, each at its own pace, and none of them gets the last piece before the digest matched.
//!
//! Where Kubo keeps its blocks in files on this host (`content/local`), a layer needs no copy. Then the same task hashes the
//! layer and takes the checksums of its pieces, and readers read the files of its leaves and compare these. The checksums
//! stay in memory (`checked`), so the first pull after a restart hashes the layer again.
//!
//! Who may read a blob is decided by the rows before anybody looks here. So a copy may outlive its blob: nobody can ask for
//! it any more, and it is evicted like any copy that is not asked for.

mod cache;
mod checked;
mod fill;
mod flights;
mod folder;
mod layout;
mod reader;
mod shelf;
mod stored;
mod tally;

pub(super) use cache::Hot;
pub(super) use reader::Reader;
