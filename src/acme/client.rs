//! One instance's part in a certificate: what it orders, under which names, and where it shows it.

use std::sync::Arc;

use uuid::Uuid;

use super::challenge::Challenges;
use crate::config;
use crate::net::{ChallengeCertificates, ShownCertificate};
use crate::seal::{Sealer, SigningSecret};
use crate::store::{CertificateName, Store};

/// The certificate of one set of names, and this instance's part in keeping it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Acme {
    pub(super) store: Store,
    pub(super) settings: Arc<config::Acme>,
    /// Seals the private keys that the database keeps.
    pub(super) sealer: Arc<Sealer>,
    pub(super) name: Arc<CertificateName>,
    pub(super) shown: ShownCertificate,
    /// This instance, as the holder of the right to order.
    pub(super) who: Uuid,
}

impl Acme {
    /// Starts nothing yet: [`KeepCertificate`](super::KeepCertificate) does.
    /// Private keys are kept in the database, sealed under `secret`.
    pub fn new(store: Store, settings: config::Acme, secret: &SigningSecret) -> Self {
        let name = CertificateName {
            directory: settings.directory.clone(),
            names: settings.names.join(","),
        };
        Self {
            store,
            settings: Arc::new(settings),
            sealer: Arc::new(Sealer::new(secret, "certificates")),
            name: Arc::new(name),
            shown: ShownCertificate::default(),
            who: Uuid::new_v4(),
        }
    }

    /// Where the certificate is shown.
    pub fn shown(&self) -> ShownCertificate {
        self.shown.clone()
    }

    /// Who answers validations.
    pub fn challenges(&self) -> Arc<dyn ChallengeCertificates> {
        Arc::new(Challenges(self.store.clone()))
    }
}
