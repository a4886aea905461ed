//! One file in Kubo and the way to its bytes: the gateway, or the RPC `cat` if no gateway is set.
//!
//! `cat` copies 4 KiB at a time. When it fails in the middle, it ends the body normally and reports the error in the trailer
//! (go-ipfs-cmds `http/responseemitter.go`). The gateway sends a `Content-Length` and breaks the connection.

use std::ops::Range;
use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName, HeaderValue, RANGE};
use hyper::{Request, StatusCode, Uri};

use super::answer::Answer;
use super::call::{FIRST_BYTE, call};
use super::error::IpfsError;
use super::kubo::Kubo;
use super::multipart::Outgoing;
use super::origin::Origin;
use super::rpc::Rpc;
use super::way::Call;
use crate::ipld::Cid;
use crate::telemetry::{metrics, trace};

/// Header in which `cat` announces the number of bytes (Kubo `core/commands/cat.go`).
const X_CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-content-length");

/// A file of a known size.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) kubo: Kubo,
    pub(super) cid: Cid,
    pub(super) size: u64,
}

impl Source {
    /// Name of the call, for metrics and errors.
    pub(super) fn name(&self) -> &'static str {
        if self.kubo.gateway.is_some() { "gateway" } else { "cat" }
    }

    /// The listener that the bytes come from.
    pub(super) fn origin(&self) -> &Arc<Origin> {
        self.kubo.gateway.as_ref().unwrap_or(&self.kubo.api)
    }

    /// Sends one request for a range, and checks that the answer announces as many bytes. The call ends with the last
    /// byte, so it is returned with the answer.
    pub(super) async fn open(
        &self,
        range: &Range<u64>,
    ) -> Result<(Answer, metrics::Call), IpfsError> {
        let call = metrics::kubo_call(self.name());
        match trace::within(call.context(), self.try_open(range)).await {
            Ok(answer) => Ok((answer, call)),
            Err(error) => call.end(Err(error)),
        }
    }

    async fn try_open(&self, range: &Range<u64>) -> Result<Answer, IpfsError> {
        let expected = range.end - range.start;
        let part = Some(range).filter(|range| **range != (0..self.size));
        let (answer, length) = match &self.kubo.gateway {
            Some(gateway) => (self.through_gateway(gateway, part).await?, CONTENT_LENGTH),
            None => (self.through_cat(part).await?, X_CONTENT_LENGTH),
        };
        let announced = answer.head.headers.get(&length).and_then(|value| value.to_str().ok());
        if announced.and_then(|text| text.parse().ok()) == Some(expected) {
            return Ok(answer);
        }
        let (cid, announced) = (&self.cid, announced.unwrap_or("none"));
        Err(IpfsError::Broken(format!("{cid}: {length} {announced}, expected {expected}")))
    }

    async fn through_gateway(
        &self,
        origin: &Arc<Origin>,
        range: Option<&Range<u64>>,
    ) -> Result<Answer, IpfsError> {
        let cid = &self.cid;
        let path = format!("/ipfs/{cid}");
        let uri: Uri =
            path.parse().map_err(|_| IpfsError::Broken(format!("`{path}` is not a path")))?;
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let request = || {
            let mut request = Request::new(Outgoing::Whole([].into()));
            *request.uri_mut() = uri.clone();
            let headers = request.headers_mut();
            // Even a gateway that may fetch from the network must not do so for this request, unless that is a cluster's.
            if !self.kubo.is_clustered() {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("only-if-cached"));
            }
            if let Some(Ok(range)) = range.as_deref().map(HeaderValue::from_str) {
                headers.insert(RANGE, range);
            }
            request
        };
        let answer = call(origin, "gateway", FIRST_BYTE, request).await?.accepted().await?;
        let answer = answer.map_err(|refusal| refusal.about(cid))?;
        let expected = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        match answer.head.status {
            status if status == expected => Ok(answer),
            status => Err(IpfsError::Broken(format!("gateway answered {status} for {cid}"))),
        }
    }

    async fn through_cat(&self, range: Option<&Range<u64>>) -> Result<Answer, IpfsError> {
        let rpc = Rpc::new(Call::Cat).about(&self.cid).local(&self.kubo);
        let rpc = match range {
            Some(range) => {
                rpc.with(&format!("offset={}&length={}", range.start, range.end - range.start))
            }
            None => rpc,
        };
        rpc.send(&self.kubo).await
    }
}
