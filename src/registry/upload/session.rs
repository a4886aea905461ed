//! What this process remembers of an open upload beside its rows: who writes, and the running hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use uuid::Uuid;

use crate::oci::{Algorithm, RepositoryName, UploadId};
use crate::registry::{Registry, RegistryError};
use crate::store::Upload;
use crate::stream::hashing::Hasher;

/// How long a request waits for the one before it on the same upload, which may be storing the last bytes of a
/// connection that broke.
const TURN: Duration = Duration::from_secs(10);

/// Where an upload stands, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// The session.
    pub id: UploadId,
    /// Bytes that are durably stored.
    pub received: u64,
}

/// The running hash of the first `received` bytes.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) received: u64,
    pub(super) hasher: Hasher,
}

/// What is remembered of one upload. Losing it costs time, never bytes: the parts can be read back.
#[derive(Default)]
pub(super) struct Session {
    pub(super) running: Option<Running>,
}

impl Session {
    /// The hash of exactly the bytes that are stored, when this process has it.
    pub(super) fn hasher_at(&self, received: u64, algorithm: Algorithm) -> Option<Hasher> {
        match &self.running {
            Some(running) if running.received == received => Some(running.hasher.clone()),
            _ if received == 0 => Some(Hasher::new(algorithm)),
            _ => None,
        }
        .filter(|hasher| hasher.algorithm() == algorithm)
    }
}

/// An upload whose turn this request has.
pub(super) struct Held {
    pub(super) session: OwnedMutexGuard<Session>,
    pub(super) upload: Upload,
}

/// The uploads that this process has seen.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<Uuid, Seen>>);

struct Seen {
    session: Arc<Turn<Session>>,
    at: Instant,
}

impl Sessions {
    fn session(&self, id: Uuid) -> Arc<Turn<Session>> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = sessions
            .entry(id)
            .or_insert_with(|| Seen { session: Arc::default(), at: Instant::now() });
        seen.at = Instant::now();
        Arc::clone(&seen.session)
    }

    /// Forgets one upload: it has ended.
    pub(super) fn forget(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Forgets what was not asked for in `idle`.
    pub(in crate::registry) fn forget_idle(&self, idle: Duration) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, seen| seen.at.elapsed() < idle || Arc::strong_count(&seen.session) > 1);
    }
}

impl Registry {
    /// Waits for its turn on an upload and reads where it stands.
    pub(super) async fn hold(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        subject: &str,
    ) -> Result<Held, RegistryError> {
        // Ask the store first: nothing is remembered for an id that somebody made up.
        let before = self.find(repository, id, subject).await?;
        let turn = self.0.sessions.session(id.0).lock_owned();
        let Ok(session) = tokio::time::timeout(TURN, turn).await else {
            return Err(RegistryError::OutOfOrder { received: before.received });
        };
        let upload = match self.find(repository, id, subject).await {
            Ok(upload) => upload,
            Err(error) => {
                self.0.sessions.forget(id.0);
                return Err(error);
            }
        };
        Ok(Held { session, upload })
    }

    async fn find(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        subject: &str,
    ) -> Result<Upload, RegistryError> {
        let upload = self.store().open_upload(repository, id.0, subject).await?;
        upload.ok_or(RegistryError::UploadUnknown)
    }

    /// Where an upload stands, once a request that still stores bytes into it is done.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`].
    pub async fn upload_state(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        subject: &str,
    ) -> Result<UploadState, RegistryError> {
        match self.hold(repository, id, subject).await {
            Ok(held) => Ok(UploadState { id, received: held.upload.received }),
            // Its writer is at work: what is stored so far is the truth.
            Err(RegistryError::OutOfOrder { received }) => Ok(UploadState { id, received }),
            Err(error) => Err(error),
        }
    }

    /// Ends an upload without a blob; its bytes are given up.
    ///
    /// # Errors
    /// [`RegistryError::UploadUnknown`].
    pub async fn cancel_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
        subject: &str,
    ) -> Result<(), RegistryError> {
        let found = self.store().cancel_upload(repository, id.0, subject).await?;
        self.0.sessions.forget(id.0);
        self.nudge_sweep();
        if found { Ok(()) } else { Err(RegistryError::UploadUnknown) }
    }
}
