//! The client of Kubo: its RPC and its gateway, and the dag-pb trees that it stores.
//!
//! Written on bare HTTP/1 connections, one for each transfer: [`add`](Kubo::begin_add) streams a file in,
//! [`read`](Kubo::read) streams one out, the rest are small calls. What may not live here: what a blob or an upload
//! is, and what a pin is for.
//!
//! Reads are local: they fail at once when the node does not hold a block, and never wait for a network.

mod add;
mod answer;
mod block;
mod connection;
mod endpoint;
mod error;
mod multipart;
mod pin;
mod read;
mod rpc;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::timeout;

use connection::Origin;
use rpc::Rpc;

pub use add::{Add, Added};
pub use endpoint::{Endpoint, EndpointError, Settings, Tls};
pub use error::IpfsError;
pub use read::ReadBody;

/// Time for the first byte of an answer.
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// Time for a node to show that it is there.
const READY: Duration = Duration::from_secs(2);

/// A Kubo node. Cheap to clone.
#[derive(Clone)]
pub struct Kubo {
    api: Arc<Origin>,
    gateway: Option<Arc<Origin>>,
}

impl Kubo {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings) -> Self {
        let Settings { api, gateway, login, tls } = settings;
        let origin = |endpoint: &Endpoint| {
            let login = login.as_ref().filter(|_| endpoint == api);
            Arc::new(Origin::new(endpoint.clone(), login, tls))
        };
        Self { api: origin(api), gateway: gateway.as_ref().map(origin) }
    }

    /// The version of the node, such as `0.43.0`.
    pub async fn version(&self) -> Result<String, IpfsError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "Version")]
            version: String,
        }
        let answer: Answer = Rpc::new("version").json(&self.api).await?;
        Ok(answer.version)
    }

    /// Fails unless the node answers within two seconds.
    pub async fn ready(&self) -> Result<(), IpfsError> {
        let late = |_| IpfsError::Unavailable(format!("no answer in {READY:?}"));
        timeout(READY, self.version()).await.map_err(late)?.map(drop)
    }
}
