//! Repositories that hold nothing: they are not listed, and a sweep removes them unless somebody uses them.

use std::time::Duration;

use af_registry::jobs::{Job, Turn, run_now};
use af_registry::registry::upkeep::RemoveEmpty;
use af_registry::rights::{Grantee, Role};
use af_registry::store::{Started, Store};
use tokio_util::sync::CancellationToken;

use super::{commit, manifest, put, repository, waiting};
use crate::rig;

const HOUR: Duration = Duration::from_secs(3600);

/// Sweeps once over all repositories and returns how many are gone.
async fn sweep(store: &Store) -> u64 {
    let (mut after, mut removed) = (0, 0);
    while let Some(swept) = store.repositories().sweep(after, HOUR).await.unwrap() {
        (after, removed) = (swept.last, removed + swept.removed);
    }
    removed
}

async fn start(store: &Store, name: &str) -> Started {
    store.uploads().start(&repository(name), "ann", None, 9).await.unwrap()
}

async fn age(admin: &tokio_postgres::Client) {
    let pass = "UPDATE repositories SET created_at = created_at - INTERVAL '2 hours';
        UPDATE recent_pushes SET pushed_at = pushed_at - INTERVAL '2 hours'";
    admin.batch_execute(pass).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_upload_leaves_no_repository() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "blob", 1).await;
    put(&store, &manifest("image", 1000)).await;
    store.repositories().set_public(&repository("public"), true).await.unwrap();
    store.accounts().add_user("ann", "x").await.unwrap();
    store.grants().add("ann", &"named".parse().unwrap(), Role::Push).await.unwrap();
    store.grants().add("ann", &"team/*".parse().unwrap(), Role::Push).await.unwrap();
    for name in ["blob", "image", "public", "named", "team/gone", "open"] {
        let Started::Open { id, .. } = start(&store, name).await else { panic!("{name}") };
        if name != "open" {
            assert!(store.uploads().cancel(&repository(name), id, "ann").await.unwrap());
        }
    }
    let listed = || store.repositories().page(Grantee::Everyone, 100, None);
    assert_eq!(listed().await.unwrap(), ["blob", "image"]);
    assert_eq!(sweep(&store).await, 0, "all of them were used within the hour");
    age(&admin).await;
    assert_eq!(sweep(&store).await, 1);
    let left: Vec<String> = store
        .repositories()
        .list(None)
        .await
        .unwrap()
        .into_iter()
        .map(|found| found.name.to_string())
        .collect();
    assert_eq!(left, ["blob", "image", "named", "open", "public"]);
}

#[tokio::test]
async fn an_upload_that_starts_meanwhile_keeps_the_repository_or_makes_it_again() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let other = rig::postgres::connect(&settings).await;
    store.repositories().set_public(&repository("a"), false).await.unwrap();
    age(&admin).await;
    // The session of another transaction is written and not committed yet.
    other
        .batch_execute(
            "BEGIN; INSERT INTO uploads (id, repository_id, subject)
        SELECT gen_random_uuid(), id, 'bob' FROM repositories",
        )
        .await
        .unwrap();
    assert_eq!(sweep(&store).await, 0);
    other.batch_execute("ROLLBACK").await.unwrap();
    // A sweep has locked and deleted the repository, and is not committed yet.
    other
        .batch_execute("BEGIN; SELECT id FROM repositories FOR UPDATE; DELETE FROM repositories")
        .await
        .unwrap();
    let starting = {
        let store = store.clone();
        waiting(async move { start(&store, "a").await }).await
    };
    other.batch_execute("COMMIT").await.unwrap();
    let Started::Open { id, .. } = starting.await.unwrap() else { panic!("not open") };
    assert!(store.uploads().get(&repository("a"), id, "ann").await.unwrap().is_some());
    assert_eq!(sweep(&store).await, 0);
}

/// One repository that cannot be removed does not keep the others, in this run and in those after it.
#[tokio::test]
async fn a_repository_that_cannot_be_removed_does_not_hold_up_the_rest() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 0..1200 {
        let insert = "INSERT INTO repositories (name) VALUES ('r' || $1::BIGINT)";
        admin.execute(insert, &[&i64::from(n)]).await.unwrap();
    }
    admin
        .batch_execute(
            "CREATE TABLE later (repository_id BIGINT REFERENCES repositories);
             INSERT INTO later SELECT id FROM repositories WHERE name IN ('r7', 'r1100')",
        )
        .await
        .unwrap();
    age(&admin).await;
    let job = RemoveEmpty::new(store.clone());
    for _ in 0..2 {
        let Turn::Had(run) = run_now(&job, &store).await.unwrap() else { panic!() };
        let error = run.result.unwrap_err().to_string();
        assert!(error.contains("2 empty repositories") && error.contains("later"), "{error}");
        let left = "SELECT count(*) FROM repositories";
        assert_eq!(admin.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 2);
    }
    // A repository that somebody uses at this moment is skipped.
    admin.batch_execute("DROP TABLE later").await.unwrap();
    let hold = "BEGIN; SELECT FROM repositories WHERE name = 'r7' FOR KEY SHARE";
    admin.batch_execute(hold).await.unwrap();
    let Turn::Had(run) = run_now(&job, &store).await.unwrap() else { panic!() };
    assert_eq!(run.result.unwrap().items, 1);
    admin.batch_execute("ROLLBACK").await.unwrap();
    let Turn::Had(run) = run_now(&job, &store).await.unwrap() else { panic!() };
    assert_eq!(run.result.unwrap().items, 1);
}

/// A run that waits for a lock ends when it is told to, and is not cut for being late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_ends_when_it_is_told_to() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let holder = rig::postgres::connect(&settings).await;
    admin.batch_execute("INSERT INTO repositories (name) VALUES ('r')").await.unwrap();
    age(&admin).await;
    let job = RemoveEmpty::new(store.for_jobs());
    run_now(&job, &store).await.unwrap();
    admin.batch_execute("INSERT INTO repositories (name) VALUES ('r')").await.unwrap();
    age(&admin).await;
    holder.batch_execute("BEGIN; LOCK TABLE repositories IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let stop = CancellationToken::new();
    let running = {
        let stop = stop.clone();
        tokio::spawn(async move { job.run(&stop).await })
    };
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while admin.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    // The lock is still held.
    assert_eq!(running.await.unwrap().unwrap().items, 0);
    holder.batch_execute("ROLLBACK").await.unwrap();
}
