//! Opens [`Auth`] as the settings say.

use super::{Auth, AuthError, LoginLimits, Settings};
use crate::config::Config;
use crate::seal::SigningSecret;
use crate::store::Store;

/// Name of the registry in tokens, if the settings give it no domain.
const UNNAMED: &str = "af-registry";

impl Auth {
    /// Opens the state of a server that asks for a login or does not, as `config` says.
    ///
    /// # Errors
    /// As [`Auth::open`] and [`SigningSecret::of`].
    pub async fn configured(config: &Config, store: Store) -> Result<Self, AuthError> {
        let access = &config.access;
        if !access.login.is_required() {
            return Ok(Self::without_login(store));
        }
        let secret = SigningSecret::of(config)?;
        let domain = config.listen.domain.as_ref();
        let service = domain.map_or_else(|| UNNAMED.to_owned(), |domain| domain.host.clone());
        let limits = LoginLimits {
            user_failures: access.login_failures,
            address_failures: access.address_failures,
            tokens: access.tokens,
        };
        let settings = Settings {
            secret,
            issuer: service.clone(),
            service,
            token_life: access.token_life,
            refresh_token_life: access.refresh_token_life,
            refresh_tokens: access.refresh_tokens,
            limits,
        };
        Self::open(store, settings).await
    }
}
