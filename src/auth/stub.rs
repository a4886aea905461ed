//! Stands in until the real ones are there.
#![allow(missing_docs)]
use super::*;
use crate::config::Secret;
use crate::store::Store;
use std::net::IpAddr;
use std::time::Duration;

/// Who may do what. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Auth {
    store: Store,
}
pub enum Login {
    Nobody,
    Password { user: String, password: Secret },
    Refresh(Secret),
}
pub struct TokenRequest {
    pub login: Login,
    pub scopes: Vec<Scope>,
    pub offline: bool,
    pub client_id: String,
}
pub struct Issued {
    pub token: String,
    pub expires_in: Duration,
    pub issued_at: String,
    pub scope: String,
    pub refresh_token: Option<String>,
    pub subject: String,
}
impl Auth {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
    pub(super) fn store(&self) -> &Store {
        &self.store
    }
    pub fn service(&self) -> &str {
        "af-registry"
    }
    pub fn jwks(&self) -> serde_json::Value {
        serde_json::json!({})
    }
    pub async fn identify(&self, _: Credentials, _: IpAddr) -> Result<Caller, AuthError> {
        Ok(Caller::everyone())
    }
    pub async fn issue(&self, _: TokenRequest, _: IpAddr) -> Result<Issued, AuthError> {
        Err(AuthError::Denied)
    }
}
