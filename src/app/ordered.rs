//! A certificate that is ordered: what its orders need of other rooms.

use super::AppError;
use crate::acme::Acme;
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
    Ok(Acme::new(store.clone(), acme, Sealer::new(&secret, "certificates")))
}
