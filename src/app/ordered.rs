//! A certificate that is ordered: what its orders need of other rooms.

use std::fmt;
use std::sync::Arc;

use super::AppError;
use crate::acme::{Acme, Seal};
use crate::config::{self, Config};
use crate::outbound::Trust;
use crate::seal::{Sealer, SigningSecret};
use crate::store::Store;

/// Checks what can be checked before anything is started.
pub(super) fn check(acme: &config::Acme) -> Result<(), AppError> {
    let settings = "OPEN_REGISTRY_ACME_CA_FILE";
    let trust = Trust::of(acme.authority.as_deref());
    trust.map(drop).map_err(|source| AppError::Trust { settings, source })
}

/// The keeper of the certificate, which orders nothing yet.
pub(super) fn keeper(acme: config::Acme, config: &Config, store: &Store) -> Result<Acme, AppError> {
    let secret = SigningSecret::of(config)?;
    let seal = SealedKeys(Sealer::new(&secret, "certificates"));
    Ok(Acme::new(store.clone(), acme, Arc::new(seal)))
}

/// Seals private keys under the signing secret, which all instances share.
struct SealedKeys(Sealer);

impl Seal for SealedKeys {
    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        self.0.seal(context, plain)
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.open(context, sealed)
    }
}

impl fmt::Debug for SealedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKeys")
    }
}
