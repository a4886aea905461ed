//! The account at the ACME directory. It is created once and stored with its key sealed.

use instant_acme::{Account, AccountBuilder, AccountCredentials, Error, NewAccount};
use tracing::{info, warn};

use super::AcmeError;
use super::client::Acme;
use super::http::Http;
use crate::outbound::{ClientTls, Trust};

/// Error type of a directory that does not know the account (RFC 8555, section 6.7).
const UNKNOWN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Whether an error says that the directory does not know the account.
pub(super) fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some(UNKNOWN))
}

impl Acme {
    /// Opens the stored account, or creates one.
    pub(super) async fn account(&self) -> Result<Account, AcmeError> {
        match self.kept_account().await? {
            Some(credentials) => {
                let account = self.builder()?.from_credentials(credentials).await;
                account.map_err(AcmeError::before)
            }
            None => self.new_account().await,
        }
    }

    async fn kept_account(&self) -> Result<Option<AccountCredentials>, AcmeError> {
        let directory = &self.settings.directory;
        let Some(sealed) = self.store.acme_accounts().get(directory).await? else {
            return Ok(None);
        };
        let opened = self.sealer.open(&self.account_context(), &sealed);
        let credentials = opened.and_then(|json| serde_json::from_slice(&json).ok());
        if credentials.is_none() {
            warn!(
                event = "acme_account_unusable",
                directory,
                "the stored ACME account was sealed under another signing secret; a new one is created"
            );
        }
        Ok(credentials)
    }

    /// Creates an account and stores it.
    pub(super) async fn new_account(&self) -> Result<Account, AcmeError> {
        let directory = &self.settings.directory;
        let contacts: Vec<&str> = self.settings.contacts.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contacts,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let made = self.builder()?.create(&wanted, directory.clone(), None).await;
        let (account, credentials) = made.map_err(AcmeError::before)?;
        let json = serde_json::to_vec(&credentials)
            .map_err(|error| AcmeError::Unreachable(error.to_string()))?;
        let sealed = self.sealer.seal(&self.account_context(), &json);
        self.store.acme_accounts().put(directory, &sealed).await?;
        info!(event = "acme_account_made", directory, "created an account at the directory");
        Ok(account)
    }

    fn builder(&self) -> Result<AccountBuilder, AcmeError> {
        let trust = Trust::of(self.settings.authority.as_deref());
        let tls = trust.and_then(|trust| ClientTls::verified_by(&trust));
        let tls = tls.map_err(|error| AcmeError::Unreachable(error.to_string()))?;
        Ok(Account::builder_with_http(Box::new(Http::new(tls))))
    }

    fn account_context(&self) -> Vec<u8> {
        format!("acme account\n{}", self.settings.directory).into_bytes()
    }
}
