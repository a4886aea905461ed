//! Refresh tokens. The first of a family is written `id.secret`, the one of generation 7 `id-7.secret`; no client can
//! mistake that for an access token. The database stores the SHA-256 of the first secret, and the later ones are tags of
//! the family and the generation. They end when they are revoked, when nobody uses them, and when the account is
//! disabled or gets a new password.
//!
//! A client that asks for a refresh token with a refresh token (`access_type=offline`) gets its successor, always the same
//! one, however often it asks. When the successor is used, the token before it is valid for another minute, and any use
//! of it after that ends the family: somebody has a copy. Who does not ask gets none, as Docker's specification of OAuth 2
//! says: crane and regctl would use it, although the file with the login keeps the first token for ever.

use std::net::IpAddr;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tracing::warn;
use uuid::Uuid;

use super::Tokens;
use crate::auth::AuthError;
use crate::config::Secret;
use crate::seal::random;
use crate::store::{Account, NewRefreshToken, Presented};
use crate::stream::hashing::sha256_bytes;

/// Characters of the secret, which is 256 bits in base64url.
const SECRET: usize = 43;

/// How long the token before the newest stays valid, for requests that were under way when the newest was used.
const OVERLAP: Duration = Duration::from_secs(60);

/// A refresh token, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parsed<'a> {
    family: Uuid,
    generation: i64,
    secret: &'a str,
}

impl Tokens {
    /// Issues the first refresh token of a new family for `account`.
    pub(super) async fn add_refresh_token(
        &self,
        account: &Account,
        client_id: &str,
    ) -> Result<Secret, AuthError> {
        let (id, secret) = (Uuid::new_v4(), BASE64URL_NOPAD.encode(&random::bytes::<32>()));
        let hash = sha256_bytes(secret.as_bytes());
        let service = &self.expectation().service;
        let (secret_hash, life, most) =
            (hash.as_slice(), self.lives.refresh, self.lives.refresh_tokens);
        let new = NewRefreshToken { id, account, service, client_id, secret_hash, life, most };
        self.store.refresh_tokens().add(new).await?;
        Ok(Secret::new(format!("{}.{secret}", id.simple())))
    }

    /// The account that a refresh token belongs to, and the token's successor.
    pub(super) async fn refresh(
        &self,
        token: &Secret,
        client: IpAddr,
    ) -> Result<(Account, Secret), AuthError> {
        self.limits.may_try_from(client)?;
        if let Some(parsed) = parse(token.expose())
            && let Some(account) = self.use_refresh_token(&parsed, client).await?
        {
            self.logins.note_use(&account);
            return Ok((account, self.successor(&parsed)));
        }
        self.limits.failed_from(client);
        Err(AuthError::Credentials)
    }

    async fn use_refresh_token(
        &self,
        token: &Parsed<'_>,
        client: IpAddr,
    ) -> Result<Option<Account>, AuthError> {
        if !self.is_ours(token) {
            return Ok(None);
        }
        let presented = Presented {
            id: token.family,
            generation: token.generation,
            secret_hash: &sha256_bytes(token.secret.as_bytes()),
            service: &self.expectation().service,
            life: self.lives.refresh,
            overlap: OVERLAP,
        };
        let Some(used) = self.store.refresh_tokens().redeem(presented).await? else {
            return Ok(None);
        };
        if used.ended {
            warn!(
                event = "refresh_token_reused",
                account = used.account.name,
                program = used.client_id,
                %client,
                "a refresh token of {} was used after its successor, so somebody has a copy; the login that it came from \
                 has ended, and its owner must log in again",
                used.account.name
            );
            return Ok(None);
        }
        Ok(Some(used.account))
    }

    /// Whether this registry has issued the token. Only the database knows that of the first of a family.
    fn is_ours(&self, token: &Parsed<'_>) -> bool {
        let tag = BASE64URL_NOPAD.decode(token.secret.as_bytes());
        let data = tagged(token.family, token.generation);
        token.generation == 0 || tag.is_ok_and(|tag| self.families.verify(&data, &tag))
    }

    /// The token that follows. Concurrent uses of one token have the same successor.
    fn successor(&self, token: &Parsed<'_>) -> Secret {
        let (family, generation) = (token.family, token.generation + 1);
        let secret = BASE64URL_NOPAD.encode(&self.families.tag(&tagged(family, generation)));
        Secret::new(format!("{}-{generation}.{secret}", family.simple()))
    }
}

/// What the tag of a token covers.
fn tagged(family: Uuid, generation: i64) -> Vec<u8> {
    [&family.as_bytes()[..], &generation.to_be_bytes()].concat()
}

/// Takes a refresh token apart. No token has two spellings.
fn parse(token: &str) -> Option<Parsed<'_>> {
    let (name, secret) = token.split_once('.')?;
    let (id, generation) = match name.split_once('-') {
        None => (name, 0),
        Some((id, number)) => {
            let generation = number.parse().ok().filter(|n| (1..i64::MAX).contains(n))?;
            (id, Some(generation).filter(|n: &i64| n.to_string() == number)?)
        }
    };
    // `Uuid` also accepts braces and dashes.
    let family = Uuid::try_parse(id).ok().filter(|uuid| uuid.simple().to_string() == id)?;
    (secret.len() == SECRET).then_some(Parsed { family, generation, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_an_id_a_generation_and_a_secret() {
        let (family, secret) = (Uuid::new_v4(), "s".repeat(SECRET));
        let (id, secret) = (family.simple(), &*secret);
        let parsed = |generation| Some(Parsed { family, generation, secret });
        assert_eq!(parse(&format!("{id}.{secret}")), parsed(0));
        assert_eq!(parse(&format!("{id}-1.{secret}")), parsed(1));
        assert_eq!(parse(&format!("{id}-1234.{secret}")), parsed(1234));
        for bad in [
            String::new(),
            ".".to_owned(),
            format!("{family}.{secret}"),
            format!("{id}.{secret}s"),
            format!("{id}."),
            format!("{id}{secret}"),
            format!("{{{id}}}.{secret}"),
            format!("{}.{secret}", id.to_string().to_uppercase()),
            "a.b.c".to_owned(),
            format!("{id}-.{secret}"),
            format!("{id}-0.{secret}"),
            format!("{id}-01.{secret}"),
            format!("{id}-+1.{secret}"),
            format!("{id}--1.{secret}"),
            format!("{id}-{}.{secret}", i64::MAX),
            format!("{id}-1-1.{secret}"),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
