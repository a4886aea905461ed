//! When this process opened the uploads that are under way, for the metric of whole pushes.

use std::time::Instant;

use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::oci::UploadId;
use crate::telemetry::metrics;

/// Most uploads that are remembered. One that is forgotten is not measured.
const REMEMBERED: usize = 10_000;

/// The uploads and when they were opened.
pub(in crate::http) struct Openings(Cache<Uuid, Instant>);

impl Default for Openings {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Openings {
    /// Notes when the client asked for an upload that is open now.
    pub(in crate::http) fn opened(&self, id: UploadId, asked: Instant) {
        self.0.insert(id.0, asked);
    }

    /// Measures the push of a blob of `size` bytes, if this process opened its upload.
    pub(in crate::http) fn finished(&self, id: UploadId, size: u64) {
        if let Some((_, opened)) = self.0.remove(&id.0) {
            metrics::blob_pushed(size, opened.elapsed());
        }
    }
}
