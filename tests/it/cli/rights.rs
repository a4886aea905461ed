//! Grants, repositories and the first administrator.

use af_registry::accounts::{Accounts, AccountsError, FirstAdmin};
use af_registry::config::Secret;
use af_registry::store::Store;
use serde_json::json;

use super::{Operator, PASSWORD};
use crate::rig;

#[tokio::test]
async fn grants_are_added_listed_and_removed() {
    let settings = rig::database().await.settings;
    let operator = Operator::on(&settings);
    operator.done("user add ann", PASSWORD);
    operator.refused("grant add bob acme/* pull", "", &["no account bob"]);
    operator.refused("grant list bob", "", &["no account bob"]);
    operator.done("grant add ann acme/* push", "");
    operator.done("grant add ann acme/* push", "");
    let grant = json!({ "account": "ann", "pattern": "acme/*", "role": "push" });
    assert_eq!(operator.json("grant add ann acme/* push", ""), grant);
    operator.done("grant add ann acme/web delete", "");
    operator.done("user add bob --admin", PASSWORD);
    let other = json!({ "account": "ann", "pattern": "acme/web", "role": "delete" });
    let admin = json!({ "account": "bob", "pattern": "*", "role": "admin" });
    assert_eq!(operator.json("grant list", ""), json!([grant, other, admin]));
    assert_eq!(operator.json("grant list bob", ""), json!([admin]));
    let text = operator.done("grant list ann", "");
    assert_eq!(
        text.split_whitespace().skip(3).take(3).collect::<Vec<_>>(),
        ["ann", "acme/*", "push"]
    );

    operator.refused("grant remove ann acme/* pull", "", &["ann", "acme/*"]);
    operator.done("grant remove ann acme/* push", "");
    operator.done("grant remove ann acme/web", "");
    operator.refused("grant remove ann acme/web", "", &["ann", "acme/web"]);
    assert_eq!(operator.json("grant list ann", ""), json!([]));
    for (pattern, role, why) in [
        ("acme/*", "pusher", "not a role"),
        ("Acme", "pull", "not a repository"),
        ("a*", "pull", "prefix/*"),
    ] {
        operator.refused(&format!("grant add ann {pattern} {role}"), "", &[why]);
    }
}

#[tokio::test]
async fn the_grants_of_a_removed_account_are_gone() {
    let settings = rig::database().await.settings;
    let operator = Operator::on(&settings);
    operator.done("user add ann", PASSWORD);
    operator.done("grant add ann * admin", "");
    operator.done("user remove ann", "");
    assert_eq!(operator.json("grant list", ""), json!([]));
    operator.done("user add ann", PASSWORD);
    assert_eq!(operator.json("grant list ann", ""), json!([]));
}

#[tokio::test]
async fn a_robot_gets_no_rights_outside_its_namespace() {
    let settings = rig::database().await.settings;
    let operator = Operator::on(&settings);
    operator.done("robot add acme+ci", "");
    for pattern in ["*", "acme2/*", "other"] {
        let words = &["acme+ci", "not within acme", pattern];
        operator.refused(&format!("grant add acme+ci {pattern} pull"), "", words);
    }
    operator.done("grant add acme+ci acme/* push", "");
    operator.done("grant add acme+ci acme pull", "");
    assert_eq!(operator.json("grant list", "").as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn repositories_are_listed_made_public_and_removed() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    assert_eq!(operator.json("repo list", ""), json!([]));
    store.uploads().start(&"acme/web".parse().unwrap(), "ann", None, 9).await.unwrap();
    let listed = operator.json("repo list", "");
    assert_eq!(
        (&listed[0]["name"], &listed[0]["visibility"]),
        (&json!("acme/web"), &json!("private"))
    );
    assert_eq!((&listed[0]["tags"], &listed[0]["size"]), (&json!(0), &json!(0)));
    assert_eq!(operator.done("repo visibility acme/web public", ""), "acme/web is public\n");
    let published = operator.json("repo visibility other public", "");
    assert_eq!(published, json!({ "name": "other", "visibility": "public" }));
    let text = operator.done("repo list acme/", "");
    assert!(text.contains("acme/web  public") && !text.contains("other"), "{text}");
    operator.done("repo visibility other private", "");
    operator.refused("repo visibility other secret", "", &["secret"]);
    operator.refused("repo visibility Other public", "", &["repository name"]);
    assert_eq!(operator.json("repo remove acme/web", "")["done"], "removed");
    operator.refused("repo remove acme/web", "", &["no repository acme/web"]);
    assert_eq!(operator.json("repo list", "")[0]["name"], "other");
}

async fn add_first(
    store: &Store,
    user: &str,
    password: &str,
) -> Result<Option<FirstAdmin>, AccountsError> {
    Accounts::new(store.clone()).users().add_first_admin(user, &Secret::new(password)).await
}

async fn first(store: &Store, user: &str, password: &str) -> Option<(String, Option<String>)> {
    let made = add_first(store, user, password).await.unwrap()?;
    let notice = made.notice(tempfile::tempdir().unwrap().path(), true);
    assert!(!format!("{made:?}").contains(notice.as_deref().unwrap_or("af-registry")));
    Some((made.name, notice))
}

#[tokio::test]
async fn the_first_administrator_is_added_when_there_is_no_user() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    for (user, password) in [("admin", "password"), ("admin", "short"), ("Admin", PASSWORD)] {
        assert!(add_first(&store, user, password).await.is_err(), "{user} {password}");
    }
    assert!(add_first(&store, "acme+ci", PASSWORD).await.is_err());
    assert_eq!(first(&store, "root", PASSWORD).await, Some(("root".into(), None)));
    let grants = json!([{ "account": "root", "pattern": "*", "role": "admin" }]);
    assert_eq!(operator.json("grant list", ""), grants);
    // From now on the settings are ignored, even wrong ones.
    for (user, password) in [("root", "another password"), ("admin", ""), ("Admin", "short")] {
        assert_eq!(first(&store, user, password).await, None);
    }
    assert_eq!(operator.json("user list", "").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_password_the_first_administrator_gets_a_random_one() {
    let rig::Database { store, settings, .. } = rig::database().await;
    Operator::on(&settings).done("robot add acme+ci", "");
    let (name, notice) = first(&store, "admin", "").await.unwrap();
    assert_eq!(name, "admin");
    let notice = notice.unwrap();
    assert!(notice.contains("user admin, password ") && notice.lines().count() == 1, "{notice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_instances_that_start_at_once_one_adds_the_administrator() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let other = Store::connect(&settings).await.unwrap();
    let (here, there) = tokio::join!(first(&store, "admin", ""), first(&other, "admin", ""));
    assert!(here.is_some() != there.is_some());
}
