//! Signing keys and tokens.

use std::time::Duration;

use af_registry::auth::{Auth, Login, LoginLimits, Settings, TokenRequest};
use af_registry::config::Secret;
use af_registry::rights::Scope;
use af_registry::seal::SigningSecret;
use af_registry::store::{NewRefreshToken, Presented, Store};
use serde_json::json;
use uuid::Uuid;

use super::{Operator, PASSWORD};
use crate::rig;

const SIGNING_SECRET: &str = "0123456789abcdef";

/// An operator of a registry that asks for a login.
fn token_operator(settings: &af_registry::store::Settings) -> Operator {
    let mut operator = Operator::on(settings);
    operator.0.push(("OPEN_REGISTRY_AUTH", "token".into()));
    operator.0.push(("OPEN_REGISTRY_DOMAIN", "registry.test".into()));
    operator.0.push(("OPEN_REGISTRY_SIGNING_SECRET", SIGNING_SECRET.into()));
    operator
}

/// The `Auth` of a server of this registry.
async fn auth(store: &Store) -> Auth {
    let settings = Settings {
        secret: SigningSecret::new(Secret::new(SIGNING_SECRET)).unwrap(),
        issuer: "registry.test".into(),
        service: "registry.test".into(),
        token_life: Duration::from_secs(900),
        refresh_token_life: Duration::from_secs(3600),
        refresh_tokens: 1000,
        limits: LoginLimits { user_failures: 0, address_failures: 0, tokens: 0 },
    };
    Auth::open(store.clone(), settings).await.unwrap()
}

async fn issue(auth: &Auth, login: Login, scope: &str) -> String {
    let scopes = Scope::parse_all(scope).collect();
    let request = TokenRequest { login, scopes, offline: false, client_id: "test".into() };
    auth.tokens().unwrap().issue(request, "192.0.2.1".parse().unwrap()).await.unwrap().token
}

#[tokio::test]
async fn the_inspection_of_a_token_does_not_print_it() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = token_operator(&settings);
    operator.refused("token inspect", "x.y.z", &["no signing key"]);
    operator.done("user add ann", PASSWORD);
    operator.done("grant add ann acme/* push", "");
    let auth = auth(&store).await;
    let login = Login::Password { user: "ann".into(), password: Secret::new(PASSWORD) };
    let token = issue(&auth, login, "repository:acme/web:pull,push,delete").await;

    let said = operator.json("token inspect", &format!("{token}\n"));
    assert_eq!((&said["believed"], &said["reason"]), (&json!(true), &json!(null)), "{said}");
    assert_eq!(said["claims"]["sub"], "ann");
    assert_eq!(said["kid"], operator.json("keys list", "")[0]["kid"]);
    let text = operator.done("token inspect", &token);
    assert!(text.contains("believed  yes\nsubject   ann\n"), "{text}");
    assert!(text.contains("access    repository:acme/web:pull,push\n"), "{text}");
    assert!(!text.contains(token.rsplit('.').next().unwrap()));

    let nobodys = issue(&auth, Login::Anonymous, "").await;
    assert_eq!(operator.json("token inspect", &nobodys)["believed"], true);
    operator.done("token revoke ann", "");
    let said = operator.json("token inspect", &token);
    assert_eq!(said["believed"], false, "{said}");
    assert!(said["reason"].as_str().unwrap().contains("new credentials"), "{said}");
    let (head, _) = token.rsplit_once('.').unwrap();
    for bad in ["", "x", &token[1..], &format!("{head}.AAAA")] {
        let line = operator.refused("token inspect", bad, &["token is not valid"]);
        assert!(bad.len() < 10 || !line.contains(bad), "{line}");
    }
}

#[tokio::test]
async fn a_new_key_is_listed_before_it_signs() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = token_operator(&settings);
    operator.refused("keys rotate", "", &["no signing key"]);
    let auth = auth(&store).await;
    let first = operator.json("keys list", "")[0]["kid"].clone();
    let second = operator.json("keys rotate", "")["kid"].clone();
    let keys = operator.json("keys list", "");
    assert_eq!((&keys[0]["kid"], &keys[0]["state"]), (&second, &json!("next")));
    assert_eq!((&keys[1]["kid"], &keys[1]["state"]), (&first, &json!("signs")));
    let token = issue(&auth, Login::Anonymous, "").await;
    assert_eq!(operator.json("token inspect", &token)["kid"], first);

    let mut other = token_operator(&settings);
    other.0.push(("OPEN_REGISTRY_SIGNING_SECRET", "fedcba9876543210".into()));
    let line = other.refused("keys rotate", "", &["OPEN_REGISTRY_SIGNING_SECRET"]);
    assert!(!line.contains("fedcba9876543210"), "{line}");
    other.0.push(("OPEN_REGISTRY_AUTH", "none".into()));
    other.0.push(("OPEN_REGISTRY_INSECURE_ANONYMOUS", "true".into()));
    other.refused("keys rotate", "", &["no login"]);
    assert_eq!(operator.json("keys list", "").as_array().unwrap().len(), 2);
    operator.refused("keys revoke unknown", "", &["no valid signing key unknown", "keys list"]);
    let first = first.as_str().unwrap();
    let revoked = operator.json(&format!("keys revoke {first}"), "");
    let keys = operator.json("keys list", "");
    assert_eq!((&keys[0]["kid"], &keys[0]["state"]), (&second, &json!("next")));
    assert_eq!((&keys[1]["kid"], &keys[1]["state"]), (&revoked["successor"], &json!("signs")));
    assert_eq!(keys.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn keys_are_listed_without_their_private_parts() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    assert_eq!(operator.json("keys list", ""), json!([]));
    store.signing_keys().add_first("one", b"public", b"sealed-part").await.unwrap();
    let (lead, overlap) = (Duration::from_secs(600), Duration::from_secs(900));
    store.signing_keys().add("two", b"public", b"sealed-part", lead, overlap).await.unwrap();
    let keys = operator.json("keys list", "");
    let of = |n: usize, field: &str| keys[n][field].clone();
    assert_eq!(
        [of(0, "kid"), of(0, "state"), of(0, "retires_at")],
        [json!("two"), json!("next"), json!(null)]
    );
    assert_eq!([of(1, "kid"), of(1, "state")], ["one", "signs"]);
    assert!(of(1, "retires_at").is_string());
    assert_eq!(keys[0].as_object().unwrap().len(), 5);
    let text = operator.done("keys list", "");
    assert!(text.contains("KEY") && text.contains("next") && text.contains("signs"), "{text}");
}

#[tokio::test]
async fn revoking_ends_all_tokens_of_an_account_but_not_its_password() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    operator.done("user add ann", PASSWORD);
    let ann = store.accounts().get("ann").await.unwrap().unwrap();
    let token = Uuid::new_v4();
    let life = Duration::from_secs(3600);
    let (service, client_id, secret_hash) = ("here", "docker", &b"x"[..]);
    let new = NewRefreshToken {
        id: token,
        account: &ann,
        service,
        client_id,
        secret_hash,
        life,
        most: 9,
    };
    store.refresh_tokens().add(new).await.unwrap();
    let revoked = json!({ "account": "ann", "refresh_tokens": 1 });
    assert_eq!(operator.json("token revoke ann", ""), revoked);
    let presented =
        Presented { id: token, generation: 0, secret_hash, service, life, overlap: life };
    assert_eq!(store.refresh_tokens().redeem(presented).await.unwrap(), None);
    let after = store.accounts().get("ann").await.unwrap().unwrap();
    assert!(after.revision != ann.revision && after.secret_hash == ann.secret_hash);
    assert!(operator.done("token revoke ann", "").contains("0 refresh tokens"));
    operator.refused("token revoke bob", "", &["no account bob"]);
    operator.refused("token revoke", "", &["<ACCOUNT>"]);
}
