//! The parts that an instance needs to order a certificate and to serve it.

use std::sync::Arc;

use uuid::Uuid;

use super::challenge::Challenges;
use crate::config;
use crate::net::{ChallengeCertificates, ShownCertificate};
use crate::seal::{Sealer, SigningSecret};
use crate::store::{CertificateName, Store};

/// The certificate for one set of names. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Acme {
    pub(super) store: Store,
    pub(super) settings: Arc<config::Acme>,
    /// Seals the private keys that the database keeps.
    pub(super) sealer: Arc<Sealer>,
    pub(super) name: Arc<CertificateName>,
    pub(super) shown: ShownCertificate,
    /// Identifies this instance as the holder of the lease.
    pub(super) who: Uuid,
}

impl Acme {
    /// Orders nothing yet: [`KeepCertificate`](super::KeepCertificate) does. Private keys are sealed under `secret`
    /// before they are stored.
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

    /// The certificate that TLS handshakes get. Empty until there is one.
    pub fn shown(&self) -> ShownCertificate {
        self.shown.clone()
    }

    /// The certificates that answer validations.
    pub fn challenges(&self) -> Arc<dyn ChallengeCertificates> {
        Arc::new(Challenges(self.store.clone()))
    }
}
