//! Reading an upload's parts back, to hash bytes whose running hash no row has.

use http_body_util::BodyExt;

use crate::oci::{Algorithm, Digest};
use crate::registry::{RegistryError, Uploads};
use crate::store::{Part, Upload};
use crate::stream::hashing::Hasher;

/// The parts, each with the number of its bytes that count. The next part may begin before this one ends, since it
/// repeats a partial last leaf.
pub(super) fn extents(parts: &[Part], received: u64) -> Vec<(Part, u64)> {
    let ends = parts.iter().skip(1).map(|next| next.offset).chain([received]);
    parts.iter().zip(ends).map(|(part, end)| (*part, end - part.offset)).collect()
}

impl Uploads<'_> {
    /// Hashes the stored bytes of an upload that has no pieces.
    pub(super) async fn hash_stored(
        self,
        upload: &Upload,
        algorithm: Algorithm,
    ) -> Result<Digest, RegistryError> {
        let mut hasher = Hasher::new(algorithm);
        let parts = self.0.store().uploads().parts(upload.id).await?;
        for (part, length) in extents(&parts, upload.received) {
            let range = (length < part.size).then_some(0..length);
            let mut body = Box::pin(self.0.ipfs().read(&part.cid, part.size, range).await?);
            while let Some(frame) = body.frame().await {
                if let Ok(data) = frame?.into_data() {
                    hasher.update(&data);
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(hasher.finish())
    }
}
