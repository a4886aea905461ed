//! The keys in the database, which all instances share.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::info;

use super::{KeyPair, KeySet, generate};
use crate::auth::AuthError;
use crate::seal::Sealer;
use crate::store::Store;

/// A new key signs after this long: every instance reloads many times before, and so does who reads the public keys.
const LEAD: Duration = Duration::from_secs(10 * 60);

/// A token may name a key that this instance has not heard of, or make one up: no more than one look at the database
/// in this time.
const PAUSE: Duration = Duration::from_secs(5);

/// The keys in use. Reads take no lock.
#[derive(Debug)]
pub struct SharedKeys {
    store: Store,
    sealer: Sealer,
    overlap: Duration,
    current: ArcSwap<KeySet>,
    /// When somebody last looked for a key that was not there, and what became of it.
    looked: Mutex<Option<(Instant, Result<(), AuthError>)>>,
}

impl SharedKeys {
    /// Loads the keys, and makes the first one if there is none. Of several instances that start at once, all end
    /// with the same. A key is believed for `overlap` after another took its place.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database does not answer, [`AuthError::Internal`] with one clear line when
    /// the keys were sealed under another secret.
    pub(in crate::auth) async fn open(
        store: Store,
        sealer: Sealer,
        overlap: Duration,
    ) -> Result<Self, AuthError> {
        let mut rows = store.signing_keys().await?;
        if rows.is_empty() {
            let key = generate().await?;
            let kid = key.public().kid();
            let sealed = seal(&sealer, &key);
            if store.add_first_signing_key(kid, key.public_der(), &sealed).await? {
                info!(event = "signing_key_made", kid, "the first signing key was made");
            }
            rows = store.signing_keys().await?;
        }
        let current = ArcSwap::from_pointee(KeySet::open(&rows, &sealer, None)?);
        Ok(Self { store, sealer, overlap, current, looked: Mutex::new(None) })
    }

    /// The keys as they were last loaded.
    pub(in crate::auth) fn current(&self) -> Arc<KeySet> {
        self.current.load_full()
    }

    /// Loads them again. On failure those loaded before stay.
    ///
    /// # Errors
    /// As [`SharedKeys::open`].
    pub(in crate::auth) async fn reload(&self) -> Result<(), AuthError> {
        let rows = self.store.signing_keys().await?;
        let set = KeySet::open(&rows, &self.sealer, Some(&self.current()))?;
        self.current.store(Arc::new(set));
        Ok(())
    }

    /// The keys, with the one called `kid` among them if it can be found.
    ///
    /// # Errors
    /// As [`SharedKeys::open`]: whether the key exists is not known then.
    pub(in crate::auth) async fn with(&self, kid: &str) -> Result<Arc<KeySet>, AuthError> {
        let current = self.current();
        if current.public(kid).is_some() {
            return Ok(current);
        }
        let mut looked = self.looked.lock().await;
        let current = self.current();
        if current.public(kid).is_some() {
            return Ok(current);
        }
        match &*looked {
            Some((at, result)) if at.elapsed() < PAUSE => result.clone()?,
            _ => {
                let result = self.reload().await;
                *looked = Some((Instant::now(), result.clone()));
                result?;
            }
        }
        Ok(self.current())
    }

    /// Makes a signing key that takes over in ten minutes, when all instances know it. The key before it is valid for as
    /// long as any of its tokens may be. Returns the name of the new key.
    pub async fn rotate(&self) -> Result<String, AuthError> {
        let key = generate().await?;
        let kid = key.public().kid().to_owned();
        let sealed = seal(&self.sealer, &key);
        self.store.add_signing_key(&kid, key.public_der(), &sealed, LEAD, self.overlap).await?;
        self.reload().await?;
        info!(event = "signing_key_made", kid, "a new signing key takes over in ten minutes");
        Ok(kid)
    }

    /// As a JSON Web Key Set.
    pub(in crate::auth) fn jwks(&self) -> Value {
        self.current.load().jwks()
    }
}

fn seal(sealer: &Sealer, key: &KeyPair) -> Vec<u8> {
    sealer.seal(key.public().kid().as_bytes(), key.der())
}
