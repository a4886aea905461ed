//! The one who knows who asks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::key::SharedKeys;
use super::limits::Limits;
use super::login::Logins;
use super::token::{Expectation, LATEST, LEEWAY, Tokens};
use super::{AuthError, LoginLimits};
use crate::seal::{Sealer, SigningSecret};
use crate::store::Store;

/// How often the keys are loaded again.
const RELOAD: Duration = Duration::from_secs(60);

/// What must be known to let people log in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What seals the signing keys.
    pub secret: SigningSecret,
    /// Who issues tokens, claim `iss`.
    pub issuer: String,
    /// What they are for, claim `aud` and `service` of the challenge.
    pub service: String,
    /// How long a token is good for.
    pub token_life: Duration,
    /// How often one may fail.
    pub limits: LoginLimits,
}

/// Who asks, and what they may do. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    store: Store,
    authority: Option<Arc<Authority>>,
}

/// What a server has that asks for a login.
pub(super) struct Authority {
    pub(super) keys: Arc<SharedKeys>,
    pub(super) logins: Logins,
    pub(super) limits: Arc<Limits>,
    pub(super) tokens: Tokens,
}

impl Auth {
    /// A server that asks for a login. Loads the signing keys, and makes the first; starts nothing.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] when the database does not answer, [`AuthError::Internal`] with one line that names
    /// OPEN_REGISTRY_SIGNING_SECRET when the keys were sealed under another.
    pub async fn open(store: Store, settings: Settings) -> Result<Self, AuthError> {
        let sealer = Sealer::new(&settings.secret, "signing keys");
        // As long as the last token that a key signed may matter, and as another instance may go on signing with it.
        let late = Duration::from_secs((LATEST + LEEWAY).unsigned_abs()) + 2 * RELOAD;
        let keys = SharedKeys::open(store.clone(), sealer, settings.token_life + late).await?;
        let keys = Arc::new(keys);
        let limits = Arc::new(Limits::new(settings.limits));
        let logins = Logins::new(store.clone(), Arc::clone(&limits)).await?;
        let expectation = Expectation { issuer: settings.issuer, service: settings.service };
        let tokens = Tokens::new(
            store.clone(),
            Arc::clone(&keys),
            logins.clone(),
            Arc::clone(&limits),
            expectation,
            settings.token_life,
        );
        let authority = Authority { keys, logins, limits, tokens };
        Ok(Self { store, authority: Some(Arc::new(authority)) })
    }

    /// A server that asks for no login: whoever reaches it may do everything.
    pub fn without_login(store: Store) -> Self {
        Self { store, authority: None }
    }

    /// Loads the signing keys again every minute and forgets what need not be remembered, until `stop`.
    pub async fn watch(&self, stop: CancellationToken) {
        let Some(authority) = &self.authority else { return };
        let mut tick = interval(RELOAD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            authority.limits.prune();
            // With those loaded before, tokens go on being issued and believed for hours.
            if let Err(error) = authority.keys.reload().await {
                warn!(event = "signing_keys_not_loaded", %error);
            }
        }
    }

    /// Whether it asks for a login.
    pub fn asks_for_login(&self) -> bool {
        self.authority.is_some()
    }

    /// What tokens are for, as the challenge names it; empty when there are none.
    pub fn service(&self) -> &str {
        self.authority.as_ref().map_or("", |authority| &authority.tokens.expectation().service)
    }

    /// The public keys that tokens are verified by, as a JSON Web Key Set (RFC 7517).
    pub fn jwks(&self) -> Value {
        match &self.authority {
            Some(authority) => authority.keys.jwks(),
            None => json!({ "keys": [] }),
        }
    }

    /// Issues and verifies tokens.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] on a server that asks for no login.
    pub fn tokens(&self) -> Result<&Tokens, AuthError> {
        Ok(&self.authority()?.tokens)
    }

    /// The keys that sign tokens.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] on a server that asks for no login.
    pub fn keys(&self) -> Result<&SharedKeys, AuthError> {
        Ok(&self.authority()?.keys)
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// What knows tokens and logins.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] on a server that has neither.
    pub(super) fn authority(&self) -> Result<&Authority, AuthError> {
        let none = || AuthError::Malformed("this registry asks for no login".to_owned());
        self.authority.as_deref().ok_or_else(none)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("asks_for_login", &self.asks_for_login()).finish()
    }
}
