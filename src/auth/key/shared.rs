//! The signing keys in the database, which all instances share.

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

/// Time from the creation of a key to its first signature. Before that, every instance and every reader of the public
/// keys has loaded them several times.
const LEAD: Duration = Duration::from_secs(10 * 60);

/// Shortest time between two reloads that unknown keys cause. A token with an unknown key may be signed with a new one,
/// or may be forged.
const PAUSE: Duration = Duration::from_secs(5);

/// The signing keys. Reading them takes no lock.
#[derive(Debug)]
pub struct SharedKeys {
    store: Store,
    sealer: Sealer,
    /// Time for which a key stays valid after the next one has taken over.
    overlap: Duration,
    current: ArcSwap<KeySet>,
    /// Time and result of the last reload that an unknown key has caused.
    looked: Mutex<Option<(Instant, Result<(), AuthError>)>>,
}

/// A signing key has been revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Name of the key that signs instead, if the revoked key was the one that signed.
    pub successor: Option<String>,
}

impl SharedKeys {
    /// Loads the keys. If there are none, this creates the first one; when several instances do so at once, they all
    /// end with the same key. A key stays valid for `overlap` after the next one has taken over.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the database does not answer, and [`AuthError::Internal`] if the keys were sealed
    /// under another secret.
    pub(in crate::auth) async fn open(
        store: Store,
        sealer: Sealer,
        overlap: Duration,
    ) -> Result<Self, AuthError> {
        let mut rows = store.signing_keys().list().await?;
        if rows.is_empty() {
            let key = generate().await?;
            let kid = key.public().kid();
            let sealed = seal(&sealer, &key);
            if store.signing_keys().add_first(kid, key.public_der(), &sealed).await? {
                info!(event = "signing_key_made", kid, "created the first signing key");
            }
            rows = store.signing_keys().list().await?;
        }
        let current = ArcSwap::from_pointee(KeySet::open(&rows, &sealer, None)?);
        Ok(Self { store, sealer, overlap, current, looked: Mutex::new(None) })
    }

    /// The keys that were loaded last.
    pub(in crate::auth) fn current(&self) -> Arc<KeySet> {
        self.current.load_full()
    }

    /// Loads the keys again. If this fails, the keys loaded before stay in use.
    ///
    /// # Errors
    /// As [`SharedKeys::open`].
    pub(in crate::auth) async fn reload(&self) -> Result<(), AuthError> {
        let rows = self.store.signing_keys().list().await?;
        let set = KeySet::open(&rows, &self.sealer, Some(&self.current()))?;
        self.current.store(Arc::new(set));
        Ok(())
    }

    /// The keys, reloaded if the key called `kid` is not among them and the last such reload is some seconds ago.
    ///
    /// # Errors
    /// As [`SharedKeys::open`]. It is then unknown whether the key exists.
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

    /// Creates a signing key that takes over in ten minutes, when all instances know it. The previous key stays valid
    /// until the last token that it signed has expired. Returns the name of the new key.
    pub async fn rotate(&self) -> Result<String, AuthError> {
        let kid = self.add(LEAD).await?;
        self.reload().await?;
        info!(
            event = "signing_key_made",
            kid, "created a signing key, which takes over in ten minutes"
        );
        Ok(kid)
    }

    /// Revokes the key called `kid`: the tokens that it signed are refused here at once, and by other instances when they
    /// load their keys again, within a minute. If it is the key that signs, a new key takes over at once. Answers `None`
    /// when there is no such key.
    pub async fn revoke(&self, kid: &str) -> Result<Option<Revoked>, AuthError> {
        let keys = self.store.signing_keys().list().await?;
        let Some(key) = keys.iter().find(|key| key.kid == kid) else { return Ok(None) };
        // First the new key: without one that signs, an instance that starts now would stop.
        let successor = if key.signs { Some(self.add(Duration::ZERO).await?) } else { None };
        self.store.signing_keys().revoke(kid).await?;
        self.reload().await?;
        info!(event = "signing_key_revoked", kid, successor, "revoked a signing key");
        Ok(Some(Revoked { successor }))
    }

    /// Creates a key that signs after `lead`, and returns its name.
    async fn add(&self, lead: Duration) -> Result<String, AuthError> {
        let key = generate().await?;
        let kid = key.public().kid().to_owned();
        let sealed = seal(&self.sealer, &key);
        self.store.signing_keys().add(&kid, key.public_der(), &sealed, lead, self.overlap).await?;
        Ok(kid)
    }

    /// The public keys as a JSON Web Key Set (RFC 7517).
    pub(in crate::auth) fn jwks(&self) -> Value {
        self.current.load().jwks()
    }
}

fn seal(sealer: &Sealer, key: &KeyPair) -> Vec<u8> {
    sealer.seal(key.public().kid().as_bytes(), key.der())
}
