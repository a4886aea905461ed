//! Storing a blob that comes whole in one request (distribution specification, "Single POST").

use super::UploadKey;
use super::commit::Stored;
use super::gathered::Fresh;
use super::incoming::{CountedBody, Incoming};
use super::transfer::{Next, Transfer};
use super::write::Writer;
use crate::ipld::profile::LEAF_BYTES;
use crate::oci::{Algorithm, Digest, RepositoryName};
use crate::registry::{RegistryError, Uploads};

impl Uploads<'_> {
    /// Stores a whole blob. A small blob needs no upload. A large one gets an upload that ends with this call. Runs to
    /// its end even if the caller stops waiting.
    ///
    /// # Errors
    /// Those of [`finish`](Uploads::finish).
    pub async fn put(
        self,
        repository: RepositoryName,
        subject: String,
        digest: Digest,
        body: impl Incoming,
    ) -> Result<Stored, RegistryError> {
        let registry = self.0.clone();
        let put =
            async move { registry.uploads().put_here(repository, subject, &digest, body).await };
        self.0.detached().run(put).await
    }

    async fn put_here(
        self,
        repository: RepositoryName,
        subject: String,
        digest: &Digest,
        body: impl Incoming,
    ) -> Result<Stored, RegistryError> {
        self.0.check_disk().await?;
        let mut body = CountedBody::new(body, None);
        let mut transfer = Transfer::new(self.0, &subject);
        let mut head = Fresh::new(self.0.gathering());
        loop {
            match transfer.next(&mut body, head.len()).await? {
                Next::Frame(frame) => head.push(frame),
                Next::End => {
                    transfer.begin().await?;
                    return self.commit_leaf(&repository, None, digest, head.take_frames()).await;
                }
                Next::Wanted => break,
            }
            if head.len() > LEAF_BYTES || head.is_in_a_crowd() {
                break;
            }
        }
        let key = self.open(&repository, &subject, digest.algorithm()).await?;
        let mut locked = self.lock(&key).await?;
        let mut writer = Writer::new(self.0, &key, &mut locked, digest.algorithm(), transfer);
        let written = writer.write_after(head.take_frames(), &mut body).await;
        if let Err(error) = written {
            self.cancel(&key).await?;
            return Err(error);
        }
        let _transfer = writer.finish().await?;
        self.commit_parts(&key, locked, digest).await
    }

    /// Opens an upload for a body that is longer than one leaf.
    async fn open(
        self,
        repository: &RepositoryName,
        subject: &str,
        algorithm: Algorithm,
    ) -> Result<UploadKey, RegistryError> {
        let started = self.start(repository, subject, Some(algorithm)).await?;
        Ok(UploadKey { repository: repository.clone(), id: started.id, subject: subject.into() })
    }
}
