//! Another node that may hold the same files, and the repair of a file by its blocks. Every block is compared with its CID,
//! so the other node need not be trusted.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{Request, Uri};

use super::block::{Block, children};
use super::call::{FIRST_BYTE, call};
use super::error::IpfsError;
use super::kubo::Kubo;
use super::multipart::Outgoing;
use super::origin::Origin;
use crate::config::ServerAddress;
use crate::ipld::{Cid, Codec};
use crate::outbound::{ClientTls, Trust, TrustError, Waiting};
use crate::telemetry::metrics;

/// Largest block in bytes that nodes exchange.
const BLOCK: usize = 2 << 20;

/// The gateway of another node. Cheap to clone.
#[derive(Clone)]
pub struct Spare(Arc<Origin>);

impl Spare {
    /// Opens no connection yet. The authorities of the system verify an address with `https://`.
    ///
    /// # Errors
    /// The authorities cannot be read.
    pub fn new(gateway: &ServerAddress) -> Result<Self, TrustError> {
        let tls = match gateway.https {
            true => ClientTls::verified_by(&Trust::of(None)?)?,
            false => ClientTls::default(),
        };
        Ok(Self(Arc::new(Origin::new(gateway.clone(), None, tls, Waiting::default()))))
    }

    /// Reads a block and verifies it.
    pub async fn block(&self, cid: &Cid) -> Result<Bytes, IpfsError> {
        let timed = metrics::kubo_call("spare");
        timed.run(self.fetch(cid)).await
    }

    async fn fetch(&self, cid: &Cid) -> Result<Bytes, IpfsError> {
        let path = format!("/ipfs/{cid}?format=raw");
        let uri: Uri =
            path.parse().map_err(|_| IpfsError::Broken(format!("`{path}` is not a path")))?;
        let request = || {
            let mut request = Request::new(Outgoing::Whole([].into()));
            *request.uri_mut() = uri.clone();
            let raw = HeaderValue::from_static("application/vnd.ipld.raw");
            request.headers_mut().insert(ACCEPT, raw);
            request
        };
        let answer = call(&self.0, "gateway", FIRST_BYTE, request).await?.accepted().await?;
        let block = answer.map_err(|refusal| refusal.about(cid))?.bytes(BLOCK).await?;
        Block::received(cid, block.clone()).map(|_| block)
    }
}

impl Kubo {
    /// Reads every block of a file of `size` bytes, and takes those that are lost or wrong from another node. Returns their
    /// number.
    ///
    /// # Errors
    /// One of this node, or of the other one if that does not have a block either. Blocks that came are kept.
    pub async fn repair(&self, cid: &Cid, size: u64, from: &Spare) -> Result<u64, IpfsError> {
        let (mut repaired, mut ahead) = (0, vec![(*cid, size)]);
        while let Some((cid, size)) = ahead.pop() {
            let block = match self.block(&cid).await {
                Err(IpfsError::Missing(_) | IpfsError::Broken(_)) => {
                    let block = from.block(&cid).await?;
                    self.put(&Block::received(&cid, block.clone())?).await?;
                    repaired += 1;
                    block
                }
                read => read?,
            };
            if cid.codec() == Codec::Raw {
                continue;
            }
            let below = children(&cid, &block, size)?;
            ahead.extend(below.iter().rev().map(|child| (child.cid, child.size)));
        }
        Ok(repaired)
    }
}
