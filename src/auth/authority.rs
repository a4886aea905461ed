//! The state of authentication on one server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::key::SharedKeys;
use super::limits::Limits;
use super::login::Logins;
use super::token::{Expectation, LATEST, LEEWAY, Lives, Tokens};
use super::{AuthError, LoginLimits};
use crate::seal::{Authenticator, Sealer, SigningSecret};
use crate::store::Store;

/// Time between two reloads of the signing keys.
pub(super) const RELOAD: Duration = Duration::from_secs(60);

/// Settings of a server that asks for a login.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct Settings {
    /// Seals the signing keys in the database.
    pub secret: SigningSecret,
    /// Name of this registry as the claim `iss` of its tokens.
    pub issuer: String,
    /// Name of this registry as the claim `aud` of its tokens, and as `service` in the challenge.
    pub service: String,
    /// Time until an access token expires.
    pub token_life: Duration,
    /// How long a refresh token is valid after its last use.
    pub refresh_token_life: Duration,
    /// Most refresh tokens of one account that one program holds.
    pub refresh_tokens: u32,
    pub limits: LoginLimits,
}

/// Identifies callers, issues tokens and grants rights. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    store: Store,
    authority: Option<Arc<Authority>>,
}

/// State that only a server with login has.
pub(super) struct Authority {
    pub(super) keys: Arc<SharedKeys>,
    pub(super) logins: Logins,
    pub(super) limits: Arc<Limits>,
    pub(super) tokens: Tokens,
}

impl Auth {
    /// Opens the state of a server that asks for a login. Loads the signing keys, or creates the first one. Starts no
    /// task.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] if the database does not answer, and [`AuthError::Internal`] if the keys were sealed
    /// under another secret; its message is one line that names OPEN_REGISTRY_SIGNING_SECRET.
    pub async fn open(store: Store, settings: Settings) -> Result<Self, AuthError> {
        let sealer = Sealer::new(&settings.secret, "signing keys");
        // A key stays valid until its last token is of no use any more. Another instance may go on signing with it
        // until it reloads its keys.
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
            Lives {
                access: settings.token_life,
                refresh: settings.refresh_token_life,
                refresh_tokens: settings.refresh_tokens,
            },
            Authenticator::new(&settings.secret, "refresh tokens"),
        );
        let authority = Authority { keys, logins, limits, tokens };
        Ok(Self { store, authority: Some(Arc::new(authority)) })
    }

    /// The state of a server that asks for no login: every caller may do everything.
    pub fn without_login(store: Store) -> Self {
        Self { store, authority: None }
    }

    /// Whether this server asks for a login.
    pub fn asks_for_login(&self) -> bool {
        self.authority.is_some()
    }

    /// The `service` that the challenge names; empty on a server that asks for no login.
    pub fn service(&self) -> &str {
        self.authority.as_ref().map_or("", |authority| &authority.tokens.expectation().service)
    }

    /// The public keys that verify tokens, as a JSON Web Key Set (RFC 7517).
    pub fn jwks(&self) -> Value {
        match &self.authority {
            Some(authority) => authority.keys.jwks(),
            None => json!({ "keys": [] }),
        }
    }

    /// The part that issues and verifies tokens.
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

    /// The state that only a server with login has.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] on a server that asks for no login.
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
