//! A PostgreSQL that stops, restarts, hangs or is slow, and callers that give up.

use std::time::{Duration, Instant};

use af_registry::oci::Algorithm;
use af_registry::outbound::WAITING;
use af_registry::rights::Grantee;
use af_registry::store::{
    Commit, Committed, Epoch, Part, Put, Recorded, SavedHash, Settings, Started, Store, StoreError,
    Unlink,
};

use super::{
    anywhere, cid, commit, digest, manifest, open, put, reference, repository, start_upload,
    stored, tag, waiting,
};
use crate::rig::postgres::Cluster;
use crate::rig::relay::Relay;
use crate::rig::{self};

/// How long a call takes that must fail because PostgreSQL is not available.
async fn fails<T>(call: impl Future<Output = Result<T, StoreError>>) -> Duration {
    let began = Instant::now();
    match call.await {
        Err(StoreError::Unavailable(_)) => began.elapsed(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("succeeded"),
    }
}

async fn relayed() -> (Relay, Store, Settings) {
    let rig::Database { settings, store, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    let relay = Relay::start(rig::postgres::shared().socket()).await;
    let settings = Settings { host: "127.0.0.1".into(), port: relay.port, ..settings };
    let store = Store::connect(&settings).await.unwrap();
    (relay, store, settings)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_everything_works_at_once() {
    let cluster = Cluster::start();
    let store = cluster.database().await.store;
    let (a, blob) = (repository("a"), digest(1));
    commit(&store, "a", 1).await;
    for _ in 0..3 {
        cluster.restart();
        let began = Instant::now();
        assert!(store.blobs().get(&open(&a), &blob).await.unwrap().is_some(), "a read is repeated");
        assert!(
            store.tags().page(&open(&a), 10, None).await.unwrap().is_some(),
            "a list is repeated"
        );
        while store.uploads().start(&a, "ann", None, 99).await.is_err() {}
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_wait_for_a_postgres_that_restarts() {
    let cluster = Cluster::start();
    let store = cluster.database().await.store;
    let a = repository("a");
    commit(&store, "a", 1).await;
    let mut new = manifest("a", 1000);
    (new.blobs, new.tags) = (vec![digest(1)], vec![tag("latest")]);
    put(&store, &new).await;
    for _ in 0..2 {
        cluster.stop();
        assert!(fails(store.ping()).await < Duration::from_secs(1), "a ping does not wait");
        let calls: Vec<_> = (0..60)
            .map(|n| {
                let (store, a, new) = (store.clone(), a.clone(), new.clone());
                tokio::spawn(async move {
                    match n % 6 {
                        0 => drop(store.blobs().get(&open(&a), &digest(1)).await.unwrap().unwrap()),
                        1 => drop(store.tags().page(&open(&a), 10, None).await.unwrap().unwrap()),
                        2 => drop(store.uploads().start(&a, "ann", None, 99).await.unwrap()),
                        3 => assert_eq!(store.manifests().put(&new).await.unwrap(), Put::Done),
                        4 => drop(store.pins().claim(&cid(100 + n)).await.unwrap()),
                        _ => drop(store.tags().delete(&a, &tag("x")).await.unwrap()),
                    }
                })
            })
            .collect();
        cluster.resume();
        for call in calls {
            call.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_stays_away_costs_five_seconds() {
    let cluster = Cluster::start();
    let store = cluster.database().await.store;
    let (a, blob) = (repository("a"), digest(1));
    commit(&store, "a", 1).await;
    cluster.stop();
    let (access, new) = (open(&a), manifest("a", 1000));
    let (read, list, start, put) = tokio::join!(
        fails(store.blobs().get(&access, &blob)),
        fails(store.tags().page(&access, 10, None)),
        fails(store.uploads().start(&a, "ann", None, 99)),
        fails(store.manifests().put(&new)),
    );
    for took in [read, list, start, put] {
        let expected = Duration::from_secs(4)..Duration::from_millis(5500);
        assert!(expected.contains(&took), "{took:?}");
    }
    cluster.resume();
    let began = Instant::now();
    store.blobs().get(&access, &blob).await.unwrap().unwrap();
    store.uploads().start(&a, "ann", None, 99).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_calls_wait_for_postgres() {
    const BEYOND: usize = 200;
    let cluster = Cluster::start();
    let store = cluster.database().await.store;
    let a = repository("a");
    commit(&store, "a", 1).await;
    cluster.stop();
    let calls: Vec<_> = (0..WAITING + BEYOND)
        .map(|_| {
            let (store, access) = (store.clone(), open(&a));
            tokio::spawn(async move { fails(store.blobs().get(&access, &digest(1))).await })
        })
        .collect();
    let mut at_once = 0;
    for call in calls {
        at_once += usize::from(call.await.unwrap() < Duration::from_secs(3));
    }
    assert_eq!(at_once, BEYOND);
}

/// On a busy machine, opening a connection takes seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_waits_for_a_connection_while_another_is_open() {
    let rig::Database { settings, store, admin } = rig::database().await;
    commit(&store, "a", 1).await;
    let access = open(&repository("a"));
    let relay = Relay::start(rig::postgres::shared().socket()).await;
    let settings = Settings { host: "127.0.0.1".into(), port: relay.port, ..settings };
    let store = Store::connect(&settings).await.unwrap();
    relay.ignore_new();
    let end_newest = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                      WHERE datname = current_database() AND application_name = 'af-registry' \
                      ORDER BY backend_start DESC LIMIT 1";
    assert!(admin.query_one(end_newest, &[]).await.unwrap().get::<_, bool>(0));
    while relay.ignored() == (0, 0) {
        assert!(store.blobs().get(&access, &digest(1)).await.unwrap().is_some());
    }
    for _ in 0..4 {
        assert!(store.blobs().get(&access, &digest(1)).await.unwrap().is_some());
    }
    assert_eq!(relay.ignored(), (1, 1), "a read took longer than the attempt to open a connection");
}

/// A write that was under way may have taken effect, so it is not sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_in_doubt_is_not_repeated() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let other = rig::postgres::connect(&settings).await;
    let instance = uuid::Uuid::new_v4();
    let lease = Duration::from_secs(60);
    store.jobs().claim("job", instance, lease, true).await.unwrap();
    admin.batch_execute("BEGIN; SELECT FROM jobs FOR UPDATE").await.unwrap();
    let claiming = {
        let store = store.clone();
        tokio::spawn(async move { store.jobs().claim("job", instance, lease, true).await })
    };
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while other.query_one(kill, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fails(async { claiming.await.unwrap() }).await;
}

/// A commit whose answer was lost is repeated or looked up, so that the caller learns what is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_a_commit_whose_answer_is_lost_is_answered_truly() {
    let (relay, store, _) = relayed().await;
    let a = repository("a");
    let mut new = manifest("a", 1000);
    (new.blobs, new.tags) = (vec![digest(1)], vec![tag("v1"), tag("v2")]);
    put(&store, &new).await;
    // Opens the connections that answers are lost on.
    store.ping().await.unwrap();
    store.ping().await.unwrap();
    macro_rules! lost {
        ($requests:literal, $call:expr) => {{
            relay.lose_answer_after($requests);
            let result = $call.await.unwrap();
            assert!(relay.has_lost(), "no answer was lost");
            result
        }};
    }
    assert!(lost!(0, store.tags().delete(&a, &tag("v1"))));
    assert!(!store.tags().delete(&a, &tag("v1")).await.unwrap());
    new.tags = vec![tag("v3")];
    assert_eq!(lost!(1, store.manifests().put(&new)), Put::Done);
    assert!(lost!(0, store.manifests().delete(&a, &digest(1000))));
    assert!(!store.manifests().delete(&a, &digest(1000)).await.unwrap());
    assert!(lost!(0, store.blobs().mount(&repository("b"), &digest(1), &anywhere())));
    assert_eq!(lost!(0, store.blobs().unlink(&a, &digest(1))), Unlink::Done);
    assert_eq!(store.blobs().unlink(&a, &digest(1)).await.unwrap(), Unlink::Absent);
    let started = lost!(0, store.uploads().start(&a, "ann", None, 99));
    let Started::Open { id, .. } = started else { panic!("{started:?}") };
    let uploads = store.uploads();
    let hash = |state: &[u8]| SavedHash { algorithm: Algorithm::Sha256, state: state.to_vec() };
    let one = hash(b"one");
    assert_eq!(lost!(0, uploads.append_piece(id, 0, b"x", Some(&one))), Recorded::Done);
    // Other bytes of the same length are no repetition.
    let other = uploads.append_piece(id, 0, b"y", Some(&hash(b"other"))).await.unwrap();
    assert_eq!(other, Recorded::Moved { received: 1 });
    let cancelled = start_upload(&store, &a, "bob").await;
    assert!(lost!(1, uploads.cancel(&a, cancelled, "bob")));
    assert!(!uploads.cancel(&a, cancelled, "bob").await.unwrap());
    let claim = lost!(0, store.pins().claim(&cid(5)));
    let part = Part { offset: 0, size: 1, cid: cid(5) };
    let recorded = lost!(0, uploads.record_part(id, 1, part, stored(claim), None));
    assert_eq!(recorded, Recorded::Done);
    let (repository, digest, upload) = (a.clone(), digest(6), Some(id));
    let commit = Commit { repository, digest, size: 1, upload, received: 1 };
    let claim = super::claim(&store, 6).await;
    let committed = lost!(0, uploads.commit(&commit, claim, Epoch::NONE));
    assert_eq!(committed, Committed::Done { cid: cid(6) });
    let claim = super::claim(&store, 6).await;
    let committed = uploads.commit(&commit, claim, Epoch::NONE).await.unwrap();
    assert_eq!(committed, Committed::Gone);
}

/// Errors that belong to a connection cost that connection and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_went_stale_is_replaced() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    commit(&store, "a", 1).await;
    let mut new = manifest("a", 1000);
    (new.blobs, new.tags) = (vec![digest(1)], vec![tag("latest")]);
    put(&store, &new).await;
    let ask = async || {
        for _ in 0..4 {
            assert!(store.blobs().get(&open(&a), &digest(1)).await.unwrap().is_some());
            assert!(store.tags().page(&open(&a), 10, None).await.unwrap().is_some());
        }
    };
    ask().await;
    // The prepared statements return TEXT, and cannot return another type.
    for change in [
        "ALTER TABLE blobs ALTER COLUMN ipfs_cid TYPE VARCHAR(200)",
        r#"ALTER TABLE tags ALTER COLUMN name TYPE VARCHAR(200) COLLATE "C""#,
    ] {
        admin.batch_execute(change).await.unwrap();
        ask().await;
    }
    // As after a failover: the server has become a standby. Its connections are of no use, and none is opened to it.
    let cluster = Cluster::start();
    let rig::Database { store, admin, .. } = cluster.database().await;
    let a = repository("a");
    start_upload(&store, &a, "ann").await;
    let set = async |change: &str| {
        admin.batch_execute(change).await.unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    };
    set("ALTER SYSTEM SET default_transaction_read_only = on").await;
    let mode = "SHOW default_transaction_read_only";
    while admin.query_one(mode, &[]).await.unwrap().get::<_, &str>(0) != "on" {}
    let starting = waiting(async move { store.uploads().start(&a, "ann", None, 99).await }).await;
    set("ALTER SYSTEM RESET default_transaction_read_only").await;
    starting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_push_that_waits_too_long_for_a_repository_fails_with_the_reason() {
    let rig::Database { store, admin, .. } = rig::database().await;
    admin.batch_execute("BEGIN; INSERT INTO repositories (name) VALUES ('a')").await.unwrap();
    let error = store.manifests().put(&manifest("a", 1000)).await.unwrap_err();
    assert!(error.to_string().contains("lock timeout"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_costs_five_seconds_at_most() {
    let (relay, store, _) = relayed().await;
    let (a, blob) = (repository("a"), digest(1));
    start_upload(&store, &a, "ann").await;
    relay.freeze(true);
    let new = manifest("a", 1000);
    let access = open(&a);
    let (read, list, write) = tokio::join!(
        fails(store.blobs().get(&access, &blob)),
        fails(store.tags().page(&access, 10, None)),
        fails(store.manifests().put(&new)),
    );
    let most = Duration::from_millis(5500);
    assert!(read < most && list < most && write < most, "{read:?} {list:?} {write:?}");
    // New connections hang as well.
    let one = cid(1);
    let (read, write) = tokio::join!(fails(store.ping()), fails(store.pins().claim(&one)));
    assert!(read < most && write < most, "{read:?} {write:?}");
    relay.freeze(false);
    let began = Instant::now();
    while store.ping().await.is_err() {}
    while store.uploads().start(&a, "ann", None, 99).await.is_err() {}
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// Makes claims of these CIDs wait until the transaction of `admin` ends.
async fn hold(admin: &tokio_postgres::Client, numbers: std::ops::Range<u64>) {
    admin.batch_execute("BEGIN").await.unwrap();
    for n in numbers {
        let insert = "INSERT INTO unpins (ipfs_cid) VALUES ($1)";
        admin.execute(insert, &[&cid(n).to_string()]).await.unwrap();
    }
}

#[tokio::test]
async fn a_call_waits_two_seconds_for_the_pool_while_reads_go_on() {
    let rig::Database { store, settings, admin, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    let store = Store::connect(&Settings { pool_size: 2, ..settings }).await.unwrap();
    hold(&admin, 1..3).await;
    let claiming = |n| {
        let store = store.clone();
        waiting(async move { store.pins().claim(&cid(n)).await })
    };
    let held = (claiming(1).await, claiming(2).await);
    let took = fails(store.pins().claim(&cid(3))).await;
    assert!(took < Duration::from_millis(2600), "{took:?}");
    assert!(store.blobs().get(&open(&repository("a")), &digest(1)).await.unwrap().is_some());
    store.ping().await.unwrap();
    admin.batch_execute("ROLLBACK").await.unwrap();
    drop((held.0.await.unwrap(), held.1.await.unwrap()));
    assert!(store.pins().claim(&cid(3)).await.unwrap().is_some());
}

/// Wherever a call is when it is cancelled, no lock remains and the pool loses no connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_leaves_nothing_behind() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    let mut new = manifest("a", 1000);
    (new.blobs, new.tags) = (vec![digest(1)], vec![tag("latest")]);
    put(&store, &new).await;
    for micros in (0..4000).step_by(40) {
        let patience = Duration::from_micros(micros);
        let _ = tokio::time::timeout(patience, store.manifests().put(&new)).await;
        let _ = tokio::time::timeout(patience, store.pins().claim(&cid(1))).await;
        let _ =
            tokio::time::timeout(patience, store.tags().delete(&repository("a"), &tag("x"))).await;
    }
    put(&store, &new).await;
    let open = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
    let began = Instant::now();
    while admin.query_one(open, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(began.elapsed() < Duration::from_secs(4), "a transaction stayed open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for n in 10..18 {
        assert!(store.pins().claim(&cid(n)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn waiting_for_a_lock_ends_after_some_seconds() {
    let rig::Database { store, admin, .. } = rig::database().await;
    hold(&admin, 1..2).await;
    let took = fails(store.pins().claim(&cid(1))).await;
    assert!(took < Duration::from_millis(5500), "{took:?}");
    admin.batch_execute("ROLLBACK").await.unwrap();
    assert!(store.pins().claim(&cid(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_start_without_a_database_says_why() {
    let rig::Database { settings, .. } = rig::database().await;
    let nowhere = Settings { host: "/nonexistent".into(), ..settings.clone() };
    let error = Store::connect(&nowhere).await.unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
    let missing = Settings { database: "missing".into(), ..settings };
    let error = Store::connect(&missing).await.unwrap_err();
    assert!(error.to_string().contains("database \"missing\" does not exist"), "{error}");
}

#[tokio::test]
async fn round_trips_are_as_few_as_promised() {
    let (relay, store, _) = relayed().await;
    let a = repository("a");
    let mut new = manifest("a", 1000);
    (new.blobs, new.tags) = (vec![digest(1)], vec![tag("latest")]);
    put(&store, &new).await;
    macro_rules! costs {
        ($name:literal, $trips:literal, $call:expr) => {{
            let before = relay.round_trips();
            // On the heap: without optimisation the futures of all calls do not fit on the stack of a test.
            let result = Box::pin($call).await.unwrap();
            let trips = relay.round_trips() - before;
            println!("{:<24} {trips}", $name);
            assert_eq!(trips, $trips, $name);
            result
        }};
    }
    costs!("blobs().get", 1, store.blobs().get(&open(&a), &digest(1)));
    costs!(
        "manifests().get by tag",
        1,
        store.manifests().get(&open(&a), &reference("latest"), None)
    );
    costs!(
        "manifests().get by digest",
        1,
        store.manifests().get(&open(&a), &reference(digest(1000).as_str()), None)
    );
    costs!("manifests().head", 1, store.manifests().head(&open(&a), &reference("latest")));
    costs!("blobs().mount", 1, store.blobs().mount(&repository("b"), &digest(1), &anywhere()));
    costs!("blobs().unlink", 1, store.blobs().unlink(&repository("b"), &digest(1)));
    let started = costs!("uploads().start", 1, store.uploads().start(&a, "ann", None, 99));
    let Started::Open { id, .. } = started else { panic!("{started:?}") };
    costs!("uploads().append_piece", 1, store.uploads().append_piece(id, 0, b"x", None));
    costs!("uploads().pieces", 1, store.uploads().pieces(id, 0));
    costs!("uploads().parts", 1, store.uploads().parts(id));
    costs!("uploads().touch", 1, store.uploads().touch(id));
    costs!("uploads().get", 1, store.uploads().get(&a, id, "ann"));
    let part = Part { offset: 0, size: 1, cid: cid(5) };
    let claim = costs!("pins().claim", 1, store.pins().claim(&cid(5)));
    costs!("record_part", 1, store.uploads().record_part(id, 1, part, stored(claim), None));
    let claim = super::claim(&store, 6).await;
    let commit =
        Commit { repository: a.clone(), digest: digest(6), size: 1, upload: Some(id), received: 1 };
    costs!("uploads().commit", 1, store.uploads().commit(&commit, claim, Epoch::NONE));
    let queued = costs!("unpins().claim", 1, store.unpins().claim());
    costs!("unpins().done", 1, store.unpins().done(&queued, &queued.cids));
    let id = start_upload(&store, &a, "ann").await;
    costs!("uploads().cancel", 2, store.uploads().cancel(&a, id, "ann"));
    costs!("manifests().put", 2, store.manifests().put(&new));
    costs!("tags().page", 1, store.tags().page(&open(&a), 10, None));
    costs!("repositories().page", 1, store.repositories().page(Grantee::Everyone, 10, None));
    costs!("referrers().page", 1, store.referrers().page(&open(&a), &digest(1), &[], None, 10));
    costs!("tags().delete", 1, store.tags().delete(&a, &tag("latest")));
    costs!("manifests().delete", 1, store.manifests().delete(&a, &digest(1000)));
}
