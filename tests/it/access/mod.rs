//! Rights as clients see them: every endpoint for every kind of caller, and the life of tokens and logins.

mod flood;
mod matrix;
mod token;

use std::time::Duration;

use af_registry::accounts::{hash_password, new_robot_secret, robot_secret_hash};
use af_registry::config::Secret;
use af_registry::rights::Role;
use af_registry::store::{Granted, Store};
use data_encoding::BASE64;

use crate::rig::client::{Client, request};
use crate::rig::server::{Builder, Server, builder};

/// The password of every user here.
pub(crate) const PASSWORD: &str = "correct horse";

/// The secret that encrypts the signing keys of every server here.
pub(crate) const SIGNING_SECRET: &str = "a secret of thirty-two characters";

/// A server that asks for login, with one administrator, `root`.
pub(crate) async fn guarded() -> Server {
    guarding().await.start().await
}

/// The same, to be changed before it starts.
async fn guarding() -> Builder {
    builder()
        .await
        .env("OPEN_REGISTRY_AUTH", "token")
        .env("OPEN_REGISTRY_SIGNING_SECRET", SIGNING_SECRET)
        .env("OPEN_REGISTRY_ADMIN_USER", "root")
        .env("OPEN_REGISTRY_ADMIN_PASSWORD", PASSWORD)
        .env("OPEN_REGISTRY_DOMAIN", "registry.test")
        // The tests fail logins on purpose, which must not reach a limit.
        .env("OPEN_REGISTRY_LIMIT_LOGIN_FAILURES", "100000")
        .env("OPEN_REGISTRY_LIMIT_ADDRESS_FAILURES", "100000")
}

/// Adds a user with grants.
pub(crate) async fn user(store: &Store, name: &str, grants: &[(&str, Role)]) {
    let hash = hash_password(&Secret::new(PASSWORD)).await.unwrap();
    assert!(store.accounts().add_user(name, &hash).await.unwrap());
    grant(store, name, grants).await;
}

/// Adds a robot with grants and returns its secret.
async fn robot(store: &Store, name: &str, grants: &[(&str, Role)]) -> String {
    let secret = new_robot_secret();
    let hash = robot_secret_hash(&secret);
    let namespace = name.split_once('+').unwrap().0;
    let life = Some(Duration::from_secs(3600));
    assert!(store.accounts().add_robot(name, namespace, &hash, life).await.unwrap());
    grant(store, name, grants).await;
    secret.expose().to_owned()
}

async fn grant(store: &Store, name: &str, grants: &[(&str, Role)]) {
    for (pattern, role) in grants {
        let granted = store.grants().add(name, &pattern.parse().unwrap(), *role).await.unwrap();
        assert_eq!(granted, Granted::Done, "{name} {pattern}");
    }
}

pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()))
}

/// Asks for a token with these scopes as clients do. Without `authorization` it is a token for an anonymous caller.
pub(crate) async fn token_for(
    client: Client,
    authorization: Option<&str>,
    scopes: &[&str],
) -> String {
    let scopes: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
    let headers: Vec<_> = authorization.map(|text| ("authorization", text)).into_iter().collect();
    let path = format!("/token?service=registry.test{scopes}");
    let answer = client.send(request("GET", &path, &headers, crate::rig::client::nothing())).await;
    answer.expect(200).json()["token"].as_str().unwrap().to_owned()
}
