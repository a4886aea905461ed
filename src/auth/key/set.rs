//! The keys that are believed now, and the one of them that signs.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{KeyPair, PublicKey};
use crate::auth::AuthError;
use crate::seal::Sealer;
use crate::store::SigningKey;

/// Keys by their `kid`, which is looked up here and used for nothing else.
#[derive(Debug)]
pub(in crate::auth) struct KeySet {
    keys: HashMap<String, Arc<KeyPair>>,
    signing: Arc<KeyPair>,
}

impl KeySet {
    /// The keys in `rows`, as far as they were opened `before` without opening them again. The public part is taken
    /// from the sealed private one: a row that somebody wrote without knowing the secret makes no key.
    ///
    /// # Errors
    /// [`AuthError::Internal`], in one line, when one does not open or none signs.
    pub(super) fn open(
        rows: &[SigningKey],
        sealer: &Sealer,
        before: Option<&Self>,
    ) -> Result<Self, AuthError> {
        let mut keys = HashMap::with_capacity(rows.len());
        for row in rows {
            let known = before.and_then(|before| before.keys.get(&row.kid));
            let key = match known {
                Some(key) => Arc::clone(key),
                None => Arc::new(unseal(row, sealer)?),
            };
            keys.insert(row.kid.clone(), key);
        }
        let signing = rows.iter().find(|row| row.signs).and_then(|row| keys.get(&row.kid));
        let signing = signing.cloned().ok_or_else(|| {
            AuthError::Internal("none of the keys in signing_keys signs".to_owned())
        })?;
        Ok(Self { keys, signing })
    }

    /// The key that signs.
    pub(in crate::auth) fn signing(&self) -> &KeyPair {
        &self.signing
    }

    /// The key of that name.
    pub(in crate::auth) fn public(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.get(kid).map(|key| key.public())
    }

    /// All of them, also those that will sign only later, as a JSON Web Key Set (RFC 7517).
    pub(super) fn jwks(&self) -> Value {
        let mut keys: Vec<_> = self.keys.values().map(|key| key.public()).collect();
        keys.sort_by(|a, b| a.kid().cmp(b.kid()));
        json!({ "keys": keys.into_iter().map(PublicKey::jwk).collect::<Vec<_>>() })
    }
}

fn unseal(row: &SigningKey, sealer: &Sealer) -> Result<KeyPair, AuthError> {
    let der = sealer.open(row.kid.as_bytes(), &row.sealed).ok_or_else(|| {
        AuthError::Internal(
            "the keys that sign tokens were sealed under another OPEN_REGISTRY_SIGNING_SECRET: give every instance the \
             one that they were made under, or empty the table signing_keys to have new ones made, which ends every \
             token"
                .to_owned(),
        )
    })?;
    let key = KeyPair::from_der(der)?;
    match key.public().kid() == row.kid {
        true => Ok(key),
        false => Err(AuthError::Internal(format!("the key {} goes by a wrong name", row.kid))),
    }
}
