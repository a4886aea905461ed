//! Certificates by ACME (RFC 8555), validated by TLS-ALPN-01 (RFC 8737): one for all instances on a database.
//!
//! Every instance looks at the database often, shows the newest certificate there and answers validations, whoever
//! ordered. Which one orders is settled there too: who takes the lease does, and while a failed order must be waited
//! out nobody does. Keys lie there sealed. What may not live here: a listener, and where the sealing key is from.

mod account;
mod challenge;
mod error;
mod http;
mod keep;
mod order;

use std::sync::Arc;

use uuid::Uuid;

use crate::config;
use crate::net::{ChallengeCertificates, ShownCertificate};
use crate::seal::Sealer;
use crate::store::{CertificateName, Store};

use challenge::Challenges;
pub use error::AcmeError;

/// The certificate of one set of names, and this instance's part in keeping it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Acme {
    store: Store,
    settings: Arc<config::Acme>,
    /// Seals the private keys that the database keeps.
    sealer: Arc<Sealer>,
    name: Arc<CertificateName>,
    shown: ShownCertificate,
    /// This instance, as the holder of the right to order.
    who: Uuid,
}

impl Acme {
    /// Starts nothing yet: [`Acme::keep`] does.
    pub fn new(store: Store, settings: config::Acme, sealer: Sealer) -> Self {
        let name = CertificateName {
            directory: settings.directory.clone(),
            names: settings.names.join(","),
        };
        Self {
            store,
            settings: Arc::new(settings),
            sealer: Arc::new(sealer),
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
