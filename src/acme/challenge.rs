//! Certificates that prove a name, made when they are asked for.

use std::future::Future;
use std::pin::Pin;

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use tracing::{info, warn};

use super::AcmeError;
use crate::net::{Certificate, ChallengeCertificates};
use crate::store::Store;

/// Answers for whichever instance ordered.
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
                    info!(event = "acme_validated", name, "a name is being proven");
                    Some(certificate)
                }
                Ok(None) => None,
                Err(error) => {
                    warn!(event = "acme_validation_failed", name, %error);
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

/// Self-signed, with the digest in it (RFC 8737, section 3).
fn certificate(name: &str, digest: &[u8]) -> Result<Certificate, AcmeError> {
    // What makes the extension takes no other length.
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
    fn a_challenge_has_its_digest_inside() {
        certificate("registry.example", &[7; 32]).unwrap();
        assert!(certificate("registry.example", &[7; 31]).is_err());
    }
}
