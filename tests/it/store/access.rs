//! Accounts, grants, signing keys and refresh tokens, also when two instances change the same at the same time.

use std::time::{Duration, SystemTime};

use af_registry::rights::{Pattern, Role};
use af_registry::store::{
    Account, Grant, Granted, NewRefreshToken, Part, Presented, Recorded, Settings, Store,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    cid, claim, commit, digest, due, from, manifest, open, put, reference, repository,
    start_upload, stored, tag,
};
use crate::rig;

const DAY: Duration = Duration::from_secs(86_400);

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

async fn account(store: &Store, name: &str) -> Account {
    store.accounts().get(name).await.unwrap().unwrap()
}

async fn grants(store: &Store, account: &str) -> Vec<String> {
    let shown = |grant: Grant| format!("{} {}", grant.pattern, grant.role.as_str());
    store.grants().list(Some(account)).await.unwrap().into_iter().map(shown).collect()
}

/// The answers that eight concurrent callers on two instances get to the same call.
async fn at_once<T, F>(settings: &Settings, call: impl Fn(Store, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let instances =
        [Store::connect(settings).await.unwrap(), Store::connect(settings).await.unwrap()];
    let mut calls = JoinSet::new();
    for n in 0..8 {
        calls.spawn(call(instances[n % 2].clone(), n));
    }
    calls.join_all().await
}

#[tokio::test]
async fn a_user_is_created_once_and_removed_with_everything() {
    let store = rig::database().await.store;
    assert!(store.accounts().add_user("ann", "hash").await.unwrap());
    assert!(!store.accounts().add_user("ann", "other").await.unwrap(), "the name is taken");
    let ann = account(&store, "ann").await;
    assert_eq!((ann.name.as_str(), ann.secret_hash.as_str()), ("ann", "hash"));
    assert!(ann.usable && !ann.disabled && !ann.is_robot() && ann.expires_at.is_none());
    assert_eq!(store.accounts().get_by_revision(ann.revision).await.unwrap(), Some(ann.clone()));
    assert!(!format!("{ann:?}").contains("hash"), "{ann:?}");
    assert_eq!(store.grants().add("ann", &pattern("*"), Role::Pull).await.unwrap(), Granted::Done);
    store.refresh_tokens().add(refresh_token(Uuid::new_v4(), &ann)).await.unwrap();

    assert!(store.accounts().remove("ann").await.unwrap());
    assert!(!store.accounts().remove("ann").await.unwrap());
    assert_eq!(store.accounts().get("ann").await.unwrap(), None);
    assert_eq!(store.accounts().get_by_revision(ann.revision).await.unwrap(), None);
    assert_eq!(store.grants().list(None).await.unwrap(), []);
    // A later account of the same name starts without grants.
    assert!(store.accounts().add_user("ann", "hash").await.unwrap());
    assert_eq!(grants(&store, "ann").await, [""; 0]);
    assert_ne!(account(&store, "ann").await.revision, ann.revision);
    for odd in ["nobody", "", "a\0b"] {
        assert_eq!(store.accounts().get(odd).await.unwrap(), None);
    }
}

#[tokio::test]
async fn every_change_of_credentials_is_a_new_revision() {
    let store = rig::database().await.store;
    store.accounts().add_user("ann", "one").await.unwrap();
    let mut seen = vec![account(&store, "ann").await.revision];
    assert!(store.accounts().renew_secret("ann", "two", None).await.unwrap());
    seen.push(account(&store, "ann").await.revision);
    assert!(store.accounts().set_disabled("ann", true).await.unwrap());
    let disabled = account(&store, "ann").await;
    assert!(disabled.disabled && !disabled.usable && disabled.secret_hash == "two");
    seen.push(disabled.revision);
    assert!(store.accounts().set_disabled("ann", false).await.unwrap());
    assert!(account(&store, "ann").await.usable);
    seen.push(account(&store, "ann").await.revision);
    assert!(store.accounts().renew_revision("ann").await.unwrap());
    seen.push(account(&store, "ann").await.revision);
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    assert_eq!(store.accounts().get_by_revision(seen[0]).await.unwrap(), None);
    assert!(!store.accounts().renew_secret("bob", "x", None).await.unwrap());
    assert!(!store.accounts().set_disabled("bob", true).await.unwrap());
    assert!(!store.accounts().renew_revision("bob").await.unwrap());
}

#[tokio::test]
async fn a_robot_expires_by_the_clock_of_the_database() {
    let rig::Database { store, admin, .. } = rig::database().await;
    assert!(store.accounts().add_robot("acme+ci", "acme", "hash", Some(DAY)).await.unwrap());
    let robot = account(&store, "acme+ci").await;
    assert!(robot.is_robot() && robot.usable);
    let life = robot.expires_at.unwrap().duration_since(robot.created_at).unwrap();
    assert_eq!(life, DAY);
    let past = "UPDATE accounts SET expires_at = now() - INTERVAL '1 ms'";
    admin.batch_execute(past).await.unwrap();
    assert!(!account(&store, "acme+ci").await.usable);
    assert!(store.accounts().renew_secret("acme+ci", "new", Some(DAY)).await.unwrap());
    assert!(account(&store, "acme+ci").await.usable);
    store.accounts().add_user("zoe", "x").await.unwrap();
    let names: Vec<_> =
        store.accounts().list().await.unwrap().into_iter().map(|a| a.name).collect();
    assert_eq!(names, ["acme+ci", "zoe"]);
}

#[tokio::test]
async fn grants_are_added_and_removed_by_pattern_and_role() {
    let store = rig::database().await.store;
    store.accounts().add_user("ann", "x").await.unwrap();
    for role in [Role::Push, Role::Delete, Role::Push] {
        assert_eq!(store.grants().add("ann", &pattern("a/*"), role).await.unwrap(), Granted::Done);
    }
    assert_eq!(store.grants().add("ann", &pattern("*"), Role::Pull).await.unwrap(), Granted::Done);
    assert_eq!(grants(&store, "ann").await, ["* pull", "a/* delete", "a/* push"]);
    assert!(store.grants().remove("ann", &pattern("a/*"), Some(Role::Push)).await.unwrap());
    assert!(!store.grants().remove("ann", &pattern("a/*"), Some(Role::Push)).await.unwrap());
    assert!(!store.grants().remove("ann", &pattern("a/b"), None).await.unwrap());
    assert!(store.grants().remove("ann", &pattern("a/*"), None).await.unwrap());
    assert_eq!(grants(&store, "ann").await, ["* pull"]);
    let nobody = store.grants().add("bob", &pattern("*"), Role::Pull).await.unwrap();
    assert_eq!(nobody, Granted::NoAccount);
}

#[tokio::test]
async fn a_robot_holds_nothing_outside_its_namespace() {
    let store = rig::database().await.store;
    store.accounts().add_robot("acme+ci", "acme", "x", None).await.unwrap();
    for outside in ["*", "acme2", "acme2/*", "other/acme"] {
        let granted = store.grants().add("acme+ci", &pattern(outside), Role::Pull).await.unwrap();
        assert_eq!(granted, Granted::OutsideNamespace, "{outside}");
    }
    for inside in ["acme", "acme/*", "acme/web", "acme/web/*"] {
        let granted = store.grants().add("acme+ci", &pattern(inside), Role::Push).await.unwrap();
        assert_eq!(granted, Granted::Done, "{inside}");
    }
    assert_eq!(store.grants().list(None).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_one_of_several_starting_instances_creates_the_first_administrator() {
    let rig::Database { store, settings, .. } = rig::database().await;
    // A robot does not count, because it cannot administrate.
    store.accounts().add_robot("acme+ci", "acme", "x", None).await.unwrap();
    let made = at_once(&settings, |store, n| async move {
        store.accounts().add_first_admin(&format!("admin{n}"), "x").await.unwrap()
    });
    assert_eq!(made.await.into_iter().filter(|made| *made).count(), 1);
    let users: Vec<_> =
        store.accounts().list().await.unwrap().into_iter().filter(|a| !a.is_robot()).collect();
    assert_eq!(users.len(), 1);
    assert_eq!(grants(&store, &users[0].name).await, ["* admin"]);
    assert!(!store.accounts().add_first_admin("late", "x").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_one_of_several_starting_instances_creates_the_first_key() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let made = at_once(&settings, |store, n| async move {
        store.signing_keys().add_first(&format!("k{n}"), b"public", b"sealed").await.unwrap()
    });
    assert_eq!(made.await.into_iter().filter(|made| *made).count(), 1);
    let keys = store.signing_keys().list().await.unwrap();
    assert_eq!(keys.len(), 1);
    assert!(keys[0].signs && keys[0].retires_at.is_none());
    assert_eq!((&keys[0].public_key[..], &keys[0].sealed[..]), (&b"public"[..], &b"sealed"[..]));
}

#[tokio::test]
async fn a_key_is_listed_before_it_signs_and_trusted_afterwards() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let (lead, overlap) = (Duration::from_secs(600), Duration::from_secs(1200));
    let add = async |kid: &str| {
        store.signing_keys().add(kid, b"p", b"s", lead, overlap).await.unwrap();
    };
    let keys = async || -> Vec<(String, bool)> {
        let keys = store.signing_keys().list().await.unwrap();
        keys.into_iter().map(|key| (key.kid, key.signs)).collect()
    };
    let key = |kid: &str, signs| (kid.to_owned(), signs);
    let pass = async |seconds: u64| {
        let earlier = format!(
            "UPDATE signing_keys SET signs_from = signs_from - INTERVAL '{seconds} s',
                retires_at = retires_at - INTERVAL '{seconds} s'"
        );
        admin.batch_execute(&earlier).await.unwrap();
    };
    add("a").await;
    assert_eq!(keys().await, [key("a", true)], "the first key signs at once");
    add("b").await;
    assert_eq!(keys().await, [key("b", false), key("a", true)]);
    let all = store.signing_keys().list().await.unwrap();
    assert_eq!(all[1].retires_at.unwrap(), all[0].signs_from + overlap);
    assert!(all[0].signs_from > SystemTime::now() && all[0].retires_at.is_none());
    pass(601).await;
    assert_eq!(keys().await, [key("b", true), key("a", false)]);
    // Adding another key before the first has retired extends the life of none.
    let before = store.signing_keys().list().await.unwrap()[1].retires_at;
    add("c").await;
    assert_eq!(keys().await, [key("c", false), key("b", true), key("a", false)]);
    assert_eq!(store.signing_keys().list().await.unwrap()[2].retires_at, before);
    pass(1201).await;
    assert_eq!(keys().await, [key("c", true), key("b", false)]);
    pass(1000).await;
    assert_eq!(keys().await, [key("c", true)]);
    assert!(!store.signing_keys().add_first("d", b"p", b"s").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_of_concurrently_added_keys_stays() {
    let rig::Database { store, settings, .. } = rig::database().await;
    at_once(&settings, |store, n| async move {
        let (lead, overlap) = (Duration::ZERO, Duration::from_secs(900));
        let kid = format!("k{n}");
        store.signing_keys().add(&kid, b"p", b"s", lead, overlap).await.unwrap();
    })
    .await;
    let keys = store.signing_keys().list().await.unwrap();
    assert_eq!(keys.len(), 8);
    assert!(keys[0].signs && keys[0].retires_at.is_none(), "{keys:?}");
    assert!(keys[1..].iter().all(|key| !key.signs && key.retires_at.is_some()), "{keys:?}");
}

#[tokio::test]
async fn a_refresh_token_is_valid_only_for_the_revision_of_its_account() {
    let store = rig::database().await.store;
    store.accounts().add_user("ann", "x").await.unwrap();
    let issue = async || {
        let (id, ann) = (Uuid::new_v4(), account(&store, "ann").await);
        store.refresh_tokens().add(refresh_token(id, &ann)).await.unwrap();
        id
    };
    let counts = async |id| counts(&store, id).await;
    let id = issue().await;
    let token = store.refresh_tokens().redeem(presented(id)).await.unwrap().unwrap();
    assert_eq!(token.account, account(&store, "ann").await);
    assert_eq!((token.client_id.as_str(), token.ended), ("docker", false));
    for other in [
        Presented { service: "there", ..presented(id) },
        Presented { secret_hash: b"other", ..presented(id) },
    ] {
        assert_eq!(store.refresh_tokens().redeem(other).await.unwrap(), None);
    }
    assert!(!counts(Uuid::new_v4()).await);

    store.accounts().renew_secret("ann", "y", None).await.unwrap();
    assert!(!counts(id).await, "a token of the old password");
    let id = issue().await;
    store.accounts().set_disabled("ann", true).await.unwrap();
    assert!(!counts(id).await, "a token of a disabled account");
    assert!(!counts(issue().await).await, "a token of a disabled account, with its revision");
    store.accounts().set_disabled("ann", false).await.unwrap();
    assert!(!counts(id).await, "enabling the account revives no token");

    let (first, second) = (issue().await, issue().await);
    store.accounts().add_user("bob", "x").await.unwrap();
    let (other, bob) = (Uuid::new_v4(), account(&store, "bob").await);
    store.refresh_tokens().add(refresh_token(other, &bob)).await.unwrap();
    assert_eq!(
        store.refresh_tokens().revoke("ann").await.unwrap(),
        5,
        "three of them had ended before"
    );
    assert_eq!(store.refresh_tokens().revoke("ann").await.unwrap(), 0);
    assert!(!counts(first).await && !counts(second).await && counts(other).await);

    // This token was issued for a revision that had ended.
    store.accounts().renew_revision("bob").await.unwrap();
    let late = Uuid::new_v4();
    store.refresh_tokens().add(refresh_token(late, &bob)).await.unwrap();
    assert!(!counts(late).await);
}

#[tokio::test]
async fn repositories_are_listed_with_what_they_hold() {
    let store = rig::database().await.store;
    commit(&store, "a/one", 10).await;
    commit(&store, "a/one", 20).await;
    commit(&store, "a/two", 10).await;
    let mut new = manifest("a/one", 1000);
    (new.blobs, new.tags) = (vec![digest(10)], vec![tag("v1"), tag("v2")]);
    put(&store, &new).await;
    store.repositories().set_public(&repository("a/two"), true).await.unwrap();
    store.repositories().set_public(&repository("b"), false).await.unwrap();
    let list = async |prefix| -> Vec<(String, bool, u64, u64)> {
        let found = store.repositories().list(prefix).await.unwrap();
        found.into_iter().map(|r| (r.name.to_string(), r.public, r.tags, r.size)).collect()
    };
    let raw = new.raw.len() as u64;
    let (one, two) = (("a/one".into(), false, 2, 30 + raw), ("a/two".into(), true, 0, 10));
    assert_eq!(list(None).await, [one.clone(), two.clone(), ("b".into(), false, 0, 0)]);
    assert_eq!(list(Some("a/")).await, [one, two]);
    assert_eq!(list(Some("c")).await, []);
    store.repositories().set_public(&repository("a/two"), false).await.unwrap();
    assert!(!list(Some("a/two")).await[0].1);
}

#[tokio::test]
async fn more_repositories_than_a_page_are_all_listed() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let fill = "INSERT INTO repositories (name) SELECT 'r' || n FROM generate_series(1, 250) n";
    admin.batch_execute(fill).await.unwrap();
    assert_eq!(store.repositories().list(None).await.unwrap().len(), 250);
    assert_eq!(store.repositories().list(Some("r2")).await.unwrap().len(), 62);
}

#[tokio::test]
async fn removing_a_repository_removes_its_links_and_no_others() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for name in ["a", "b"] {
        commit(&store, name, 1).await;
        commit(&store, name, 2).await;
        let mut image = manifest(name, 1000);
        (image.blobs, image.tags) = (vec![digest(1)], vec![tag("v1")]);
        put(&store, &image).await;
        let mut index = manifest(name, 1001);
        (index.children, index.tags) = (vec![digest(1000), digest(2)], vec![tag("all")]);
        put(&store, &index).await;
    }
    let (a, b) = (repository("a"), repository("b"));
    let id = start_upload(&store, &a, "ann").await;
    let part = Part { offset: 0, size: 1, cid: cid(5) };
    let claim = Some(claim(&store, 5).await);
    let recorded = store.uploads().record_part(id, 0, part, stored(claim), None).await;
    assert_eq!(recorded.unwrap(), Recorded::Done);

    assert!(store.repositories().remove(&a).await.unwrap());
    assert!(!store.repositories().remove(&a).await.unwrap());
    assert!(store.blobs().get(&open(&a), &digest(1)).await.unwrap().is_none());
    assert!(store.manifests().get(&open(&a), &reference("v1"), None).await.unwrap().is_none());
    assert!(store.uploads().get(&a, id, "ann").await.unwrap().is_none());
    assert_eq!(due(&admin).await, [cid(5)], "only the upload needed the CID");
    assert!(store.blobs().get(&open(&b), &digest(1)).await.unwrap().is_some());
    assert!(store.manifests().get(&open(&b), &reference("all"), None).await.unwrap().is_some());
    let left = "SELECT count(*) FROM repositories";
    assert_eq!(admin.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_can_be_removed_while_others_push() {
    let store = rig::database().await.store;
    let pusher = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 1..100 {
                // A push that fails because the repository was just removed is repeated.
                while store
                    .blobs()
                    .mount(&repository("a"), &digest(n), &from(&repository("b")))
                    .await
                    .is_err()
                {}
                let start = async || store.uploads().start(&repository("a"), "ann", None, 9).await;
                while start().await.is_err() {}
            }
        })
    };
    for n in 1..100 {
        commit(&store, "b", n).await;
    }
    while !pusher.is_finished() {
        // The pushes may be faster every time.
        let _ = store.repositories().remove(&repository("a")).await;
    }
    pusher.await.unwrap();
    store.repositories().remove(&repository("a")).await.unwrap();
    assert_eq!(store.repositories().list(Some("a")).await.unwrap(), []);
    assert_eq!(store.repositories().list(Some("b")).await.unwrap().len(), 1);
}

const HOUR: Duration = Duration::from_secs(3600);

fn refresh_token(id: Uuid, account: &Account) -> NewRefreshToken<'_> {
    let (service, client_id) = ("here", "docker");
    NewRefreshToken {
        id,
        account,
        service,
        client_id,
        secret_hash: b"hash",
        life: HOUR,
        most: 1000,
    }
}

/// The first token of a family.
fn presented(id: Uuid) -> Presented<'static> {
    let (life, overlap) = (HOUR, Duration::from_secs(60));
    Presented { id, generation: 0, secret_hash: b"hash", service: "here", life, overlap }
}

async fn counts(store: &Store, id: Uuid) -> bool {
    store.refresh_tokens().redeem(presented(id)).await.unwrap().is_some()
}

#[tokio::test]
async fn a_refresh_token_expires_when_it_is_not_used() {
    let rig::Database { store, admin, .. } = rig::database().await;
    store.accounts().add_user("ann", "x").await.unwrap();
    let ann = account(&store, "ann").await;
    let (used, idle) = (Uuid::new_v4(), Uuid::new_v4());
    for id in [used, idle] {
        store.refresh_tokens().add(refresh_token(id, &ann)).await.unwrap();
    }
    let pass = "UPDATE refresh_tokens SET used_at = used_at - '40 minutes'::INTERVAL";
    admin.execute(pass, &[]).await.unwrap();
    assert!(counts(&store, used).await);
    admin.execute(pass, &[]).await.unwrap();
    assert!(counts(&store, used).await);
    assert!(!counts(&store, idle).await);
    // The next login deletes the expired one.
    store.refresh_tokens().add(refresh_token(Uuid::new_v4(), &ann)).await.unwrap();
    let rows = admin.query("SELECT id FROM refresh_tokens WHERE id = $1", &[&idle]).await.unwrap();
    assert!(rows.is_empty());
}

#[tokio::test]
async fn the_refresh_tokens_of_one_program_are_limited() {
    let rig::Database { store, admin, .. } = rig::database().await;
    store.accounts().add_user("ann", "x").await.unwrap();
    let ann = account(&store, "ann").await;
    let fill = "INSERT INTO refresh_tokens (id, account_id, revision, service, client_id, secret_hash, used_at)
        SELECT md5(client || n)::UUID, a.id, a.revision, 'here', client, '', now() - n * INTERVAL '1 second'
        FROM accounts a, unnest(ARRAY['docker', 'other']) client, generate_series(1, 1000) n";
    admin.batch_execute(fill).await.unwrap();
    let new = Uuid::new_v4();
    store.refresh_tokens().add(refresh_token(new, &ann)).await.unwrap();
    let left = "SELECT count(*) FILTER (WHERE client_id = 'docker'), count(*) FILTER (WHERE client_id = 'other'),
            count(*) FILTER (WHERE id = md5('docker1000')::UUID)
        FROM refresh_tokens";
    let row = admin.query_one(left, &[]).await.unwrap();
    let left: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(left, [1000, 1000, 0]);
    assert!(counts(&store, new).await);
}
