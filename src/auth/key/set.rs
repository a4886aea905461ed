//! The valid signing keys, and the one of them that signs new tokens.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{KeyPair, PublicKey};
use crate::auth::AuthError;
use crate::seal::Sealer;
use crate::store::SigningKey;

/// Keys by their `kid`. A token names its key; the name is only looked up here.
#[derive(Debug)]
pub(in crate::auth) struct KeySet {
    keys: HashMap<String, Arc<KeyPair>>,
    signing: Arc<KeyPair>,
}

impl KeySet {
    /// Unseals the keys in `rows`, except those that `before` holds already. The public part is computed from the
    /// sealed private part, so that nobody can add a key to the database without knowing the signing secret.
    ///
    /// # Errors
    /// A key does not open, or none is in use for signing. The message is one line.
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
            AuthError::Internal(
                "none of the keys in the table signing_keys is due to sign".to_owned(),
            )
        })?;
        Ok(Self { keys, signing })
    }

    /// The key that signs new tokens.
    pub(in crate::auth) fn signing(&self) -> &KeyPair {
        &self.signing
    }

    /// The public key called `kid`.
    pub(in crate::auth) fn public(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.get(kid).map(|key| key.public())
    }

    /// All public keys as a JSON Web Key Set (RFC 7517), with those that will sign only later.
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
             secret under which the keys were created, or empty the table signing_keys, which lets a server create a \
             new key and ends every token"
                .to_owned(),
        )
    })?;
    let key = KeyPair::from_der(der)?;
    match key.public().kid() == row.kid {
        true => Ok(key),
        false => Err(AuthError::Internal(format!(
            "the name {} in the table signing_keys does not belong to its key",
            row.kid
        ))),
    }
}
