//! Refresh tokens. They are written `id.secret`, which no client can mistake for an access token. The database stores
//! the SHA-256 of the secret. They end when they are revoked, and when the account is disabled or gets a new password.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use super::Tokens;
use crate::accounts::is_same;
use crate::auth::AuthError;
use crate::config::Secret;
use crate::seal::random;
use crate::store::{Account, NewRefreshToken};
use crate::stream::hashing::sha256_bytes;

/// Characters of the secret, which is 256 bits in base64url.
const SECRET: usize = 43;

impl Tokens {
    /// Issues a refresh token for `account`.
    pub(super) async fn add_refresh_token(
        &self,
        account: &Account,
        client_id: &str,
    ) -> Result<Secret, AuthError> {
        let (id, secret) = (Uuid::new_v4(), BASE64URL_NOPAD.encode(&random::bytes::<32>()));
        let hash = sha256_bytes(secret.as_bytes());
        let service = &self.expectation().service;
        let (secret_hash, life) = (hash.as_slice(), self.lives.refresh);
        let new = NewRefreshToken { id, account, service, client_id, secret_hash, life };
        self.store.refresh_tokens().add(new).await?;
        Ok(Secret::new(format!("{}.{secret}", id.simple())))
    }

    /// The account that a refresh token belongs to.
    pub(super) async fn refresh(
        &self,
        token: &Secret,
        client: IpAddr,
    ) -> Result<Account, AuthError> {
        self.limits.may_try_from(client)?;
        let account = match parse(token.expose()) {
            Some((id, secret)) => self.use_refresh_token(id, secret).await?,
            None => None,
        };
        account.ok_or_else(|| {
            self.limits.failed_from(client);
            AuthError::Credentials
        })
    }

    async fn use_refresh_token(
        &self,
        id: Uuid,
        secret: &str,
    ) -> Result<Option<Account>, AuthError> {
        let hash = sha256_bytes(secret.as_bytes());
        let found = self.store.refresh_tokens().redeem(id, self.lives.refresh).await?;
        let found = found.filter(|found| {
            is_same(&hash, &found.secret_hash) && found.service == self.expectation().service
        });
        Ok(found.map(|found| found.account))
    }
}

/// Splits a refresh token into id and secret.
fn parse(token: &str) -> Option<(Uuid, &str)> {
    let (id, secret) = token.split_once('.')?;
    // `Uuid` also accepts braces and dashes.
    let id = Uuid::try_parse(id).ok().filter(|uuid| uuid.simple().to_string() == id)?;
    (secret.len() == SECRET).then_some((id, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_an_id_and_a_secret() {
        let (id, secret) = (Uuid::new_v4(), "s".repeat(SECRET));
        assert_eq!(parse(&format!("{}.{secret}", id.simple())), Some((id, &*secret)));
        for bad in [
            String::new(),
            ".".to_owned(),
            format!("{id}.{secret}"),
            format!("{}.{secret}s", id.simple()),
            format!("{}.", id.simple()),
            format!("{}{secret}", id.simple()),
            format!("{{{id}}}.{secret}"),
            format!("{}.{secret}", id.simple().to_string().to_uppercase()),
            "a.b.c".to_owned(),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
