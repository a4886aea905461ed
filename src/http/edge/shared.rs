//! The state that all requests share.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::openings::Openings;
use super::origin::Name;
use crate::auth::Auth;
use crate::config::Exposure;
use crate::registry::Registry;

/// Limits of one request.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum size of a manifest, in bytes.
    pub manifest_bytes: usize,
    /// Longest wait for the next frame of a request body.
    pub body_stall: Duration,
    /// Least bytes a second in a request body; 0 for no minimum.
    pub body_rate: u64,
}

/// The state that all requests share. Cheap to clone.
#[derive(Clone)]
pub struct Edge(Arc<Fixed>, Arc<[Exposure]>);

struct Fixed {
    registry: Registry,
    auth: Auth,
    name: Name,
    limits: Limits,
    draining: CancellationToken,
    openings: Openings,
}

impl Edge {
    /// Serves `registry` under `name`, to callers that `auth` accepts. `draining` is cancelled when the server begins to
    /// shut down.
    pub fn new(
        registry: Registry,
        auth: Auth,
        name: Name,
        limits: Limits,
        draining: CancellationToken,
    ) -> Self {
        let openings = Openings::default();
        Self(Arc::new(Fixed { registry, auth, name, limits, draining, openings }), Arc::default())
    }

    /// Adds what `/readyz` warns of.
    pub fn exposing(self, exposures: Vec<Exposure>) -> Self {
        Self(self.0, exposures.into())
    }

    pub(in crate::http) fn exposures(&self) -> &[Exposure] {
        &self.1
    }

    pub(in crate::http) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(in crate::http) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(in crate::http) fn name(&self) -> &Name {
        &self.0.name
    }

    pub(in crate::http) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(in crate::http) fn openings(&self) -> &Openings {
        &self.0.openings
    }

    pub(in crate::http) fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }
}
