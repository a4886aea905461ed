//! Certificates that prove to the directory that a name is ours, made when it asks for them.

use std::future::Future;
use std::pin::Pin;

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use tracing::{info, warn};

use super::AcmeError;
use crate::net::{Certificate, ChallengeCertificates};
use crate::store::Store;

/// The challenges in the database, no matter which instance placed the order.
#[derive(Debug)]
pub(super) struct Challenges(pub(super) Store);

impl ChallengeCertificates for Challenges {
    fn challenge<'a>(
        &'a self,
        server_name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Certificate>> + Send + 'a>> {
        Box::pin(async move {
            let name = server_name.to_ascii_lowercase();
            match self.prove(&name).await {
                Ok(Some(certificate)) => {
                    info!(event = "acme_validated", name, "the directory validates {name}");
                    Some(certificate)
                }
                Ok(None) => None,
                Err(error) => {
                    warn!(
                        event = "acme_validation_failed",
                        name,
                        %error,
                        "the challenge for {name} cannot be answered, so its order may fail: {error}"
                    );
                    None
                }
            }
        })
    }
}

impl Challenges {
    async fn prove(&self, name: &str) -> Result<Option<Certificate>, AcmeError> {
        let Some(digest) = self.0.challenges().get(name).await? else { return Ok(None) };
        Ok(Some(certificate(name, &digest)?))
    }
}

/// A self-signed certificate for `name` that contains the digest (RFC 8737, section 3).
fn certificate(name: &str, digest: &[u8]) -> Result<Certificate, AcmeError> {
    // `new_acme_identifier` panics on any other length.
    if digest.len() != 32 {
        return Err(AcmeError::Refused("the digest of a challenge is not SHA-256".to_owned()));
    }
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let (chain, key) = (certificate.pem(), key.serialize_pem());
    Ok(Certificate::for_challenge(chain.as_bytes(), key.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_certificate_takes_a_sha256_digest_only() {
        certificate("registry.example", &[7; 32]).unwrap();
        assert!(certificate("registry.example", &[7; 31]).is_err());
    }
}
