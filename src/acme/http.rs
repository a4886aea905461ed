//! HTTP with the directory, over the same client as every other server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::outbound::{Client, ClientTls, Reach};

/// Time for one answer of the directory. An order as a whole has a limit of its own.
const ANSWER: Duration = Duration::from_secs(60);
/// Longest answer: a certificate chain has some kilobytes.
const ANSWER_BYTES: usize = 1 << 20;

/// The HTTP client that `instant-acme` calls.
pub(super) struct Http(Arc<Client<BodyWrapper<Bytes>>>);

impl Http {
    /// Reaches every address: the operator named the directory, which may be one of a private network.
    pub(super) fn new(tls: ClientTls) -> Self {
        Self(Arc::new(Client::new(tls, Reach::Anywhere, ANSWER, ANSWER_BYTES)))
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = Arc::clone(&self.0);
        Box::pin(async move {
            let response = client.request(request).await;
            let (parts, body) = response.map_err(|error| Error::Other(error.into()))?.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}
