//! Logins, tokens and signing keys, with a real PostgreSQL.

mod keys;
mod logins;
mod tokens;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use af_registry::accounts::hash_password;
use af_registry::auth::{
    Auth, AuthError, Caller, Credentials, Issued, Lenience, Login, LoginLimits, Settings,
    TokenRequest, Validity,
};
use af_registry::config::Secret;
use af_registry::oci::RepositoryName;
use af_registry::rights::Scope;
use af_registry::rights::{Action, Role};
use af_registry::seal::{Sealer, SigningSecret};
use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::rig::{Database, database};

const SERVICE: &str = "registry.test";

/// The database of a registry, and the `Auth` of one instance.
struct Place {
    database: Database,
    auth: Auth,
}

fn settings() -> Settings {
    Settings {
        secret: SigningSecret::new(Secret::new("0123456789abcdef")).unwrap(),
        issuer: SERVICE.into(),
        service: SERVICE.into(),
        token_life: Duration::from_secs(900),
        refresh_token_life: Duration::from_secs(3600),
        refresh_tokens: 1000,
        limits: LoginLimits { user_failures: 0, address_failures: 0, tokens: 0 },
    }
}

async fn place() -> Place {
    place_with(settings()).await
}

async fn place_with(settings: Settings) -> Place {
    let database = database().await;
    let auth = Auth::open(database.store.clone(), settings).await.unwrap();
    Place { database, auth }
}

impl Place {
    /// Opens another instance on the same database.
    async fn another(&self, settings: Settings) -> Result<Auth, AuthError> {
        Auth::open(self.database.store.clone(), settings).await
    }

    /// Adds a user with a password and a role on a pattern.
    async fn user(&self, name: &str, password: &str, pattern: &str, role: Role) {
        let hash = hash_password(&Secret::new(password)).await.unwrap();
        assert!(self.database.store.accounts().add_user(name, &hash).await.unwrap());
        self.database.store.grants().add(name, &pattern.parse().unwrap(), role).await.unwrap();
    }

    async fn set_password(&self, name: &str, password: &str) {
        let hash = hash_password(&Secret::new(password)).await.unwrap();
        assert!(self.database.store.accounts().renew_secret(name, &hash, None).await.unwrap());
    }

    async fn bearer(&self, token: &str) -> Result<Caller, AuthError> {
        bearer(&self.auth, token).await
    }

    async fn issue(&self, login: Login, scope: &str) -> Result<Issued, AuthError> {
        issue(&self.auth, login, scope, false).await
    }

    /// A token with any `header` and `claims`, signed with the real key of the registry.
    async fn forge(&self, header: &Value, claims: &Value) -> String {
        let keys = self.database.store.signing_keys().list().await.unwrap();
        let sealer = Sealer::new(&settings().secret, "signing keys");
        let der = sealer.open(keys[0].kid.as_bytes(), &keys[0].sealed).unwrap();
        let key = RsaKeyPair::from_der(&der).unwrap();
        let signed = unsigned(header, claims);
        let mut signature = vec![0; key.public().modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    }

    /// The header of a good token.
    async fn header(&self) -> Value {
        let kid = self.database.store.signing_keys().list().await.unwrap()[0].kid.clone();
        json!({ "typ": "JWT", "alg": "RS256", "kid": kid })
    }

    /// The claims of a good token of `user` that expires `seconds` from now.
    async fn claims(&self, user: &str, seconds: i64) -> Value {
        let account = self.database.store.accounts().get(user).await.unwrap().unwrap();
        let end = now() + seconds;
        json!({
            "iss": SERVICE, "sub": user, "aud": SERVICE, "rev": account.revision, "jti": "1",
            "exp": end, "iat": end - 900, "nbf": end - 910,
            "access": [{ "type": "repository", "name": "a/b", "actions": ["pull", "push"] }],
        })
    }

    /// A token that differs from an honest one in one claim.
    async fn with_claim(&self, claim: &str, value: Value) -> String {
        let mut claims = self.claims("me", 600).await;
        claims[claim] = value;
        self.forge(&self.header().await, &claims).await
    }
}

async fn issue(auth: &Auth, login: Login, scope: &str, offline: bool) -> Result<Issued, AuthError> {
    let scopes = Scope::parse_all(scope).collect();
    let request = TokenRequest { login, scopes, offline, client_id: "test".into() };
    auth.tokens()?.issue(request, client()).await
}

async fn bearer(auth: &Auth, token: &str) -> Result<Caller, AuthError> {
    auth.identify(&Credentials::Bearer(token.into()), client()).await
}

async fn basic(auth: &Auth, user: &str, password: &str) -> Result<Caller, AuthError> {
    from(auth, &client().to_string(), user, password).await
}

async fn from(auth: &Auth, address: &str, user: &str, password: &str) -> Result<Caller, AuthError> {
    let (user, password) = (user.into(), Secret::new(password));
    auth.identify(&Credentials::Basic { user, password }, address.parse().unwrap()).await
}

/// Whether the account of an identified caller is still valid.
async fn is_live(auth: &Auth, caller: &Caller) -> bool {
    auth.gate(caller).login().await.is_ok()
}

async fn may(auth: &Auth, caller: &Caller, action: Action, repository: &str) -> bool {
    let repository: RepositoryName = repository.parse().unwrap();
    let gate = auth.gate(caller);
    match action {
        Action::Pull => gate.pull(&repository).is_ok(),
        Action::Push => gate.push(&repository, Lenience::None).await.is_ok(),
        Action::Delete => gate.delete(&repository).await.is_ok(),
    }
}

fn password(user: &str, password: &str) -> Login {
    Login::Password { user: user.into(), password: Secret::new(password) }
}

fn refresh(token: &str) -> Login {
    Login::Refresh(Secret::new(token))
}

fn client() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

/// The claims of a token, unverified.
fn claims_of(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

fn is_wrong<T>(result: &Result<T, AuthError>) -> bool {
    matches!(result, Err(AuthError::Credentials))
}

/// Whether a token was refused for this reason.
fn refused(result: Result<Caller, AuthError>, reason: &str) -> bool {
    matches!(&result, Err(AuthError::Token(why)) if *why == reason) || {
        eprintln!("{result:?} is not {reason:?}");
        false
    }
}
