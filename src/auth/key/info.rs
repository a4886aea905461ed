//! Signing keys as an operator sees them.

use serde::Serialize;

use crate::accounts::Timestamp;
use crate::auth::AuthError;
use crate::store::{SigningKey, Store};

/// A signing key without its private part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the other fields are their names")]
pub struct KeyInfo {
    /// The name by which tokens refer to it.
    pub kid: String,
    pub state: KeyState,
    pub created_at: Timestamp,
    pub signs_from: Timestamp,
    /// Time from which its signatures are invalid; `None` for the newest key.
    pub retires_at: Option<Timestamp>,
}

/// The use of a signing key at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// The key is published, and will sign tokens later.
    Next,
    /// The key signs new tokens.
    Signs,
    /// The key signs no more tokens, but those that it has signed are still valid.
    Retiring,
}

impl KeyState {
    /// The word that JSON and tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Signs => "signs",
            Self::Retiring => "retiring",
        }
    }
}

impl KeyInfo {
    /// All keys whose signatures are valid now, the newest first. Needs no signing secret.
    pub async fn list(store: &Store) -> Result<Vec<Self>, AuthError> {
        let keys = store.signing_keys().list().await?;
        let signing = keys.iter().position(|key| key.signs);
        let state = |at: usize| match signing {
            Some(signing) if at == signing => KeyState::Signs,
            Some(signing) if at > signing => KeyState::Retiring,
            _ => KeyState::Next,
        };
        Ok(keys.into_iter().enumerate().map(|(at, key)| Self::of(key, state(at))).collect())
    }

    fn of(key: SigningKey, state: KeyState) -> Self {
        Self {
            kid: key.kid,
            state,
            created_at: key.created_at.into(),
            signs_from: key.signs_from.into(),
            retires_at: key.retires_at.map(Timestamp::from),
        }
    }
}
