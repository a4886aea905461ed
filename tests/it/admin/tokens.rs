//! Signing keys and tokens.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::{Operator, PASSWORD};
use crate::rig;

#[tokio::test]
async fn keys_are_listed_without_their_private_parts() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    assert_eq!(operator.json("keys list", ""), json!([]));
    store.add_first_signing_key("one", b"public", b"sealed-part").await.unwrap();
    let (lead, overlap) = (Duration::from_secs(600), Duration::from_secs(900));
    store.add_signing_key("two", b"public", b"sealed-part", lead, overlap).await.unwrap();
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
async fn revoking_ends_all_tokens_of_an_account_and_leaves_its_password() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    operator.done("user add ann", PASSWORD);
    let ann = store.account("ann").await.unwrap().unwrap();
    let token = Uuid::new_v4();
    store.add_refresh_token(token, &ann, "here", "docker", b"x").await.unwrap();
    let revoked = json!({ "account": "ann", "refresh_tokens": 1 });
    assert_eq!(operator.json("token revoke ann", ""), revoked);
    assert_eq!(store.use_refresh_token(token).await.unwrap(), None);
    let after = store.account("ann").await.unwrap().unwrap();
    assert!(after.revision != ann.revision && after.secret_hash == ann.secret_hash);
    assert!(operator.done("token revoke ann", "").contains("0 refresh tokens"));
    operator.refused("token revoke bob", "", &["no account bob"]);
    operator.refused("token revoke", "", &["<ACCOUNT>"]);
}
