//! Garbage collection: all pins, and the removal of blocks that none of them holds.

use std::time::Duration;

use serde::Deserialize;

use super::error::{IpfsError, text};
use super::kubo::Kubo;
use super::rpc::Rpc;
use super::way::Call;
use crate::ipld::{Cid, Codec};
use crate::outbound::Close;
use crate::telemetry::metrics;

/// Time for the first pin of a list. Kubo reads all of them before.
const LIST: Duration = Duration::from_secs(60);

/// Time beyond that of a collection in which Kubo answers that its time is over.
const LATE: Duration = Duration::from_secs(5);

/// Part of the message when the time of a call is over.
const TIME_IS_OVER: &str = "deadline exceeded";

/// Longest line of an answer in bytes.
const LINE: usize = 64 << 10;

/// The CIDs that are pinned with everything below them, and which of them are needed. A million take 34 MB.
#[derive(Debug, Default)]
pub struct PinSet {
    /// One for each CID, sorted.
    keys: Vec<[u8; 33]>,
    needed: Vec<bool>,
}

/// What a collection of blocks did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Number of blocks that were removed.
    pub removed: u64,
    /// Whether every block was looked at. Otherwise the time was over before.
    pub whole: bool,
    /// What Kubo reports as wrong, such as a pinned block that it does not hold. It then removes nothing.
    pub troubles: Vec<String>,
}

impl PinSet {
    fn new(mut keys: Vec<[u8; 33]>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self { needed: vec![false; keys.len()], keys }
    }

    /// Notes that a CID is needed. Returns whether it is pinned.
    pub fn need(&mut self, cid: &Cid) -> bool {
        let Ok(place) = self.keys.binary_search(&key(cid)) else { return false };
        self.needed[place] = true;
        true
    }

    /// The pinned CIDs that nobody has needed so far.
    pub fn needless(&self) -> impl Iterator<Item = Cid> {
        let pins = self.keys.iter().zip(&self.needed);
        pins.filter(|(_, needed)| !**needed).map(|(key, _)| cid(key))
    }
}

impl Kubo {
    /// The CIDs that are pinned recursively. CIDs of other kinds than this registry makes are left out.
    pub async fn pins(&self) -> Result<PinSet, IpfsError> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(rename = "Cid")]
            cid: String,
        }
        let call = metrics::kubo_call("pin/ls");
        let rpc = Rpc::new(Call::Pins).with("type=recursive&stream=true").within(LIST);
        let mut keys = Vec::new();
        let listed = async {
            let mut lines = rpc.send(self).await?.lines(LINE);
            while let Some(line) = lines.next().await? {
                let line: Line = serde_json::from_slice(&line)
                    .map_err(|_| IpfsError::Broken(format!("pin/ls answered `{}`", text(&line))))?;
                keys.extend(line.cid.parse::<Cid>().ok().as_ref().map(key));
            }
            lines.end()
        };
        call.run(listed).await?;
        Ok(PinSet::new(keys))
    }

    /// Removes the blocks that no pin holds. Kubo ends it by itself after `time`; nobody can pin meanwhile. What was removed
    /// until then stays removed, and the next collection goes on.
    ///
    /// # Errors
    /// Kubo may still be removing blocks if it is not [`IpfsError::Gone`] without having been called: see
    /// [`await_collection`](Self::await_collection).
    pub async fn collect(&self, time: Duration) -> Result<Collected, IpfsError> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(rename = "Error", default)]
            error: String,
        }
        let call = metrics::kubo_call("repo/gc");
        let rpc = Rpc::new(Call::Collect).within(time + LATE);
        let rpc = rpc.with(&format!("stream-errors=true&timeout={}ms", time.as_millis()));
        let mut collected = Collected { whole: true, ..Collected::default() };
        let removed = async {
            let connection = rpc.open(self, Close::Reset).await?;
            let answer = rpc.try_send_on(self, connection).await??;
            let mut lines = answer.lines(LINE);
            while let Some(line) = lines.next().await? {
                match serde_json::from_slice::<Line>(&line) {
                    Ok(line) if line.error.is_empty() => collected.removed += 1,
                    Ok(line) => collected.troubles.push(line.error),
                    Err(_) => {
                        let line = format!("repo/gc answered `{}`", text(&line));
                        return Err(IpfsError::Broken(line));
                    }
                }
            }
            lines.end()
        };
        let ended = match removed.await {
            Err(error) if error.to_string().contains(TIME_IS_OVER) => {
                collected.whole = false;
                Ok(())
            }
            // Kubo reports at the end that there were errors before.
            Err(IpfsError::Broken(_)) if !collected.troubles.is_empty() => Ok(()),
            ended => ended,
        };
        collected.troubles.retain(|trouble| !trouble.contains(TIME_IS_OVER));
        collected.troubles.truncate(10);
        collected.whole &= collected.troubles.is_empty();
        call.end(ended).map(|()| collected)
    }

    /// Waits until no collection is under way: Kubo takes up a call that changes pins only then.
    pub async fn await_collection(&self) -> Result<(), IpfsError> {
        // Nobody pins a block with this hash, because nobody knows its bytes.
        let nothing = Cid::new(Codec::Raw, [0; 32]);
        self.unpin(&[nothing]).await.map(drop).map_err(|failed| failed.error)
    }
}

fn key(cid: &Cid) -> [u8; 33] {
    let mut key = [0; 33];
    key[0] = u8::from(cid.codec() == Codec::DagPb);
    key[1..].copy_from_slice(cid.sha256());
    key
}

fn cid(key: &[u8; 33]) -> Cid {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(&key[1..]);
    Cid::new(if key[0] == 1 { Codec::DagPb } else { Codec::Raw }, sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_tells_codecs_and_hashes_apart() {
        let (leaf, node) = (Cid::of_block(Codec::Raw, b"a"), Cid::of_block(Codec::DagPb, b"a"));
        let other = Cid::of_block(Codec::DagPb, b"b");
        let mut set = PinSet::new(vec![key(&leaf), key(&other)]);
        assert!(set.need(&leaf) && !set.need(&node));
        assert_eq!(set.needless().collect::<Vec<_>>(), [other]);
    }
}
