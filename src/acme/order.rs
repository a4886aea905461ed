//! Places one order and takes it from the names to the certificate.

use std::time::Duration;

use instant_acme::{
    AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::AcmeError;
use super::account::is_unknown;
use super::client::Acme;

/// Longest wait for the directory to validate the names, and to issue the certificate.
const WAIT: Duration = Duration::from_secs(60);

/// An issued certificate and its private key, both in PEM form. It has no `Debug`, so that the key is not logged.
pub(super) struct Issued {
    pub(super) chain: String,
    pub(super) key: String,
}

impl Acme {
    /// Orders one certificate for all names.
    pub(super) async fn order(&self) -> Result<Issued, AcmeError> {
        let mut order = self.begin().await?;
        let proven = self.prove(&mut order).await;
        // Also after a failure: nobody needs the challenges any more.
        self.store.challenges().remove(&self.settings.names).await?;
        proven?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(self.settings.names.clone())?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key)?;
        order.finalize_csr(request.der()).await.map_err(AcmeError::during)?;
        let retries = RetryPolicy::new().timeout(WAIT);
        let chain = order.poll_certificate(&retries).await.map_err(AcmeError::during)?;
        Ok(Issued { chain, key: key.serialize_pem() })
    }

    /// Places the order. Creates a new account if the directory does not know the stored one.
    async fn begin(&self) -> Result<Order, AcmeError> {
        let names: Vec<_> = self.settings.names.iter().cloned().map(Identifier::Dns).collect();
        let order = NewOrder::new(&names);
        let account = self.account().await?;
        match account.new_order(&order).await {
            Err(error) if is_unknown(&error) => {
                let account = self.new_account().await?;
                account.new_order(&order).await.map_err(AcmeError::before)
            }
            begun => begun.map_err(AcmeError::before),
        }
    }

    /// Answers the challenge of every name that is not validated yet, and waits until the directory has validated all.
    async fn prove(&self, order: &mut Order) -> Result<(), AcmeError> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(AcmeError::during)?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let Some(mut challenge) = authorization.challenge(ChallengeType::TlsAlpn01) else {
                let reason = "it does not offer validation by TLS-ALPN-01";
                return Err(AcmeError::Refused(reason.to_owned()));
            };
            let Identifier::Dns(name) = challenge.identifier().identifier else { continue };
            let name = name.clone();
            let digest = challenge.key_authorization().digest();
            self.store.challenges().put(&name, digest.as_ref()).await?;
            challenge.set_ready().await.map_err(AcmeError::during)?;
        }
        let retries = RetryPolicy::new().timeout(WAIT);
        let otherwise = match order.poll_ready(&retries).await {
            Ok(OrderStatus::Invalid) => "the order is invalid".to_owned(),
            Ok(_) => return Ok(()),
            Err(Error::Api(problem)) => problem.to_string(),
            Err(error) => return Err(AcmeError::during(error)),
        };
        Err(AcmeError::Refused(reasons(order, otherwise).await))
    }
}

/// The directory's reasons for the names that it could not validate, or `otherwise` if it gives none.
async fn reasons(order: &mut Order, otherwise: String) -> String {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let problems = authorization.challenges.iter().filter_map(|one| one.error.as_ref());
        said.extend(problems.map(|problem| format!("{name}: {problem}")));
    }
    if said.is_empty() { otherwise } else { said.join("; ") }
}
