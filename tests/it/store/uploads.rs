//! Upload sessions: their parts, commits, cancellation and expiry.

use std::time::Duration;

use af_registry::oci::Algorithm;
use af_registry::store::{
    Commit, Committed, Epoch, Part, Recorded, SavedHash, Started, Store, StoreError, Upload,
};
use uuid::Uuid;

use super::{cid, claim, digest, due, repository, start_upload, stored};
use crate::rig;

async fn record(store: &Store, id: Uuid, expected: u64, part: Part) -> Recorded {
    let claim = store.pins().claim(&part.cid).await.unwrap();
    store.uploads().record_part(id, expected, part, stored(claim), None).await.unwrap()
}

fn part(offset: u64, size: u64, at: u64) -> Part {
    Part { offset, size, cid: cid(at) }
}

#[tokio::test]
async fn a_session_belongs_to_its_repository_and_subject() {
    let store = rig::database().await.store;
    let (a, b) = (repository("a"), repository("b"));
    let sha512 = Some(Algorithm::Sha512);
    let started = store.uploads().start(&a, "ann", sha512, 2).await.unwrap();
    let Started::Open { id, others: 0 } = started else { panic!("{started:?}") };
    start_upload(&store, &b, "ann").await;
    let opened = store.uploads().get(&a, id, "ann").await.unwrap();
    let fresh = Upload { id, received: 0, algorithm: sha512, last: None, pieces: 0, hash: None };
    assert_eq!(opened, Some(fresh));
    assert_eq!(store.uploads().get(&b, id, "ann").await.unwrap(), None);
    assert_eq!(store.uploads().get(&a, id, "bob").await.unwrap(), None);
    assert_eq!(store.uploads().get(&a, Uuid::new_v4(), "ann").await.unwrap(), None);
    assert!(!store.uploads().cancel(&b, id, "ann").await.unwrap());
    assert!(!store.uploads().cancel(&a, id, "bob").await.unwrap());
    assert!(store.uploads().cancel(&a, id, "ann").await.unwrap());
    assert!(!store.uploads().cancel(&a, id, "ann").await.unwrap());
    assert_eq!(store.uploads().get(&a, id, "ann").await.unwrap(), None);
}

#[tokio::test]
async fn parts_are_recorded_in_order_and_replaced_at_their_offset() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let id = start_upload(&store, &a, "ann").await;
    assert_eq!(record(&store, id, 0, part(0, 64, 1)).await, Recorded::Done);
    assert_eq!(record(&store, id, 64, part(64, 3, 2)).await, Recorded::Done);
    // Parts are sent again from an offset that has a part, and from an offset that has none.
    assert_eq!(record(&store, id, 67, part(64, 10, 3)).await, Recorded::Done);
    assert_eq!(record(&store, id, 74, part(70, 10, 4)).await, Recorded::Done);
    let opened = store.uploads().get(&a, id, "ann").await.unwrap().unwrap();
    assert_eq!((opened.received, opened.last), (80, Some(part(70, 10, 4))));
    let parts = store.uploads().parts(id).await.unwrap();
    assert_eq!(parts, [part(0, 64, 1), part(64, 10, 3), part(70, 10, 4)]);
    assert_eq!(due(&admin).await, [cid(2)]);
}

#[tokio::test]
async fn pieces_follow_the_last_part_until_a_part_holds_them() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let uploads = store.uploads();
    let id = start_upload(&store, &a, "ann").await;
    assert_eq!(record(&store, id, 0, part(0, 64, 1)).await, Recorded::Done);
    assert_eq!(uploads.append_piece(id, 64, b"ab", None).await.unwrap(), Recorded::Done);
    assert_eq!(
        uploads.append_piece(id, 64, b"x", None).await.unwrap(),
        Recorded::Moved { received: 66 }
    );
    assert_eq!(uploads.append_piece(id, 66, b"c", None).await.unwrap(), Recorded::Done);
    let opened = uploads.get(&a, id, "ann").await.unwrap().unwrap();
    assert_eq!((opened.received, opened.last, opened.pieces), (67, Some(part(0, 64, 1)), 2));
    assert_eq!(uploads.pieces(id, 64).await.unwrap(), ["ab", "c"]);
    assert_eq!(record(&store, id, 67, part(64, 10, 2)).await, Recorded::Done);
    let opened = uploads.get(&a, id, "ann").await.unwrap().unwrap();
    assert_eq!((opened.received, opened.last, opened.pieces), (74, Some(part(64, 10, 2)), 0));
    let hash = SavedHash { algorithm: Algorithm::Sha256, state: vec![1, 2] };
    assert_eq!(uploads.append_piece(id, 74, b"d", Some(&hash)).await.unwrap(), Recorded::Done);
    assert_eq!(uploads.get(&a, id, "ann").await.unwrap().unwrap().hash, Some(hash));
    // The previous version appends without a hash.
    admin.execute("UPDATE uploads SET received = 76", &[]).await.unwrap();
    assert_eq!(uploads.get(&a, id, "ann").await.unwrap().unwrap().hash, None);
    admin.execute("UPDATE uploads SET received = 75", &[]).await.unwrap();
    assert!(uploads.cancel(&a, id, "ann").await.unwrap());
    assert_eq!(uploads.append_piece(id, 75, b"e", None).await.unwrap(), Recorded::Gone);
    assert!(!uploads.touch(id).await.unwrap());
    let left = admin.query_one("SELECT count(*) FROM upload_pieces", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_sessions() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let uploads = store.uploads();
    let (a, hour) = (repository("a"), Duration::from_secs(3600));
    let start = async |subject| uploads.start(&a, subject, None, 2).await.unwrap();
    assert!(matches!(start("ann").await, Started::Open { others: 0, .. }));
    assert!(matches!(start("ann").await, Started::Open { others: 1, .. }));
    assert_eq!(start("ann").await, Started::TooMany);
    assert!(matches!(start("bob").await, Started::Open { others: 0, .. }));
    assert_eq!(uploads.expire_of("ann", hour).await.unwrap(), 0);
    let age = "UPDATE uploads SET touched_at = now() - INTERVAL '2 hours'";
    admin.execute(age, &[]).await.unwrap();
    assert_eq!(uploads.expire_of("ann", hour).await.unwrap(), 2);
    assert!(matches!(start("ann").await, Started::Open { others: 0, .. }));
    assert!(matches!(start("bob").await, Started::Open { others: 1, .. }));
}

#[tokio::test]
async fn a_part_in_the_wrong_place_is_rejected_and_queued() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let id = start_upload(&store, &a, "ann").await;
    assert_eq!(record(&store, id, 0, part(0, 64, 1)).await, Recorded::Done);
    assert_eq!(record(&store, id, 0, part(0, 64, 2)).await, Recorded::Moved { received: 64 });
    assert_eq!(record(&store, Uuid::new_v4(), 0, part(0, 64, 3)).await, Recorded::Gone);
    let mut due = due(&admin).await;
    due.sort_by_key(ToString::to_string);
    assert_eq!(due, [cid(2), cid(3)]);
    let claim = claim(&store, 4).await;
    for bad in [part(65, 1, 4), part(10, 10, 4), part(64, 1, 5)] {
        let refused = store.uploads().record_part(id, 64, bad, stored(Some(claim)), None).await;
        assert!(matches!(refused, Err(StoreError::Internal(_))), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_parts_for_one_place_wins() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    for n in 0..20 {
        let id = start_upload(&store, &a, "ann").await;
        let (left, right) = tokio::join!(
            record(&store, id, 0, part(0, 5, 2 * n)),
            record(&store, id, 0, part(0, 7, 2 * n + 1)),
        );
        let received = store.uploads().get(&a, id, "ann").await.unwrap().unwrap().received;
        match (left, right) {
            (Recorded::Done, Recorded::Moved { received: 5 }) => assert_eq!(received, 5),
            (Recorded::Moved { received: 7 }, Recorded::Done) => assert_eq!(received, 7),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(due(&admin).await.len(), 20);
}

#[tokio::test]
async fn a_commit_ends_the_upload_and_queues_all_cids_but_that_of_the_blob() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let id = start_upload(&store, &a, "ann").await;
    record(&store, id, 0, part(0, 64, 1)).await;
    record(&store, id, 64, part(64, 6, 2)).await;
    let commit = Commit {
        repository: a.clone(),
        digest: digest(1),
        size: 70,
        upload: Some(id),
        received: 70,
    };
    let committed =
        store.uploads().commit(&commit, claim(&store, 9).await, Epoch::NONE).await.unwrap();
    assert_eq!(committed, Committed::Done { cid: cid(9) });
    assert_eq!(store.uploads().get(&a, id, "ann").await.unwrap(), None);
    let mut due = due(&admin).await;
    due.sort_by_key(ToString::to_string);
    assert_eq!(due, [cid(1), cid(2)]);
    let left = admin.query_one("SELECT count(*) FROM upload_parts", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);

    // The only part has the CID of the blob.
    let id = start_upload(&store, &a, "ann").await;
    record(&store, id, 0, part(0, 64, 5)).await;
    let commit =
        Commit { repository: a, digest: digest(5), size: 64, upload: Some(id), received: 64 };
    store.uploads().commit(&commit, claim(&store, 5).await, Epoch::NONE).await.unwrap();
    assert_eq!(super::due(&admin).await.len(), 2);
}

#[tokio::test]
async fn a_commit_of_an_upload_that_has_moved_or_ended_stores_nothing() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let id = start_upload(&store, &a, "ann").await;
    record(&store, id, 0, part(0, 64, 1)).await;
    let commit = Commit {
        repository: a.clone(),
        digest: digest(1),
        size: 64,
        upload: Some(id),
        received: 64,
    };
    let outcome = async || {
        store.uploads().commit(&commit, claim(&store, 9).await, Epoch::NONE).await.unwrap()
    };
    // Another instance appends to the upload, or ends it, between the last look at it and the commit.
    assert_eq!(store.uploads().append_piece(id, 64, b"x", None).await.unwrap(), Recorded::Done);
    assert_eq!(outcome().await, Committed::Moved { received: 65 });
    assert!(store.uploads().get(&a, id, "ann").await.unwrap().is_some());
    assert!(store.uploads().cancel(&a, id, "ann").await.unwrap());
    assert_eq!(outcome().await, Committed::Gone);
    let blobs = admin.query_one("SELECT count(*) FROM blobs", &[]).await.unwrap();
    assert_eq!(blobs.get::<_, i64>(0), 0);
    let mut due = due(&admin).await;
    due.sort_by_key(ToString::to_string);
    assert_eq!(due, [cid(1), cid(9)]);
}

#[tokio::test]
async fn idle_sessions_expire_and_those_in_use_do_not() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let day = Duration::from_secs(24 * 3600);
    let [old, busy, young] = {
        let mut ids = [Uuid::nil(); 3];
        for (n, id) in ids.iter_mut().enumerate() {
            *id = start_upload(&store, &a, "ann").await;
            record(&store, *id, 0, part(0, 1, n as u64)).await;
        }
        ids
    };
    assert_eq!(store.uploads().expire(day).await.unwrap(), 0);
    let age = "UPDATE uploads SET touched_at = now() - INTERVAL '25 hours' WHERE id = $1";
    admin.execute(age, &[&old]).await.unwrap();
    admin.execute(age, &[&busy]).await.unwrap();
    admin.batch_execute("BEGIN").await.unwrap();
    admin.query("SELECT id FROM uploads WHERE id = $1 FOR UPDATE", &[&busy]).await.unwrap();
    assert_eq!(store.uploads().expire(day).await.unwrap(), 1);
    admin.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.uploads().get(&a, old, "ann").await.unwrap(), None);
    assert_eq!(due(&admin).await, [cid(0)]);
    // A new part makes the session active again.
    assert_eq!(record(&store, busy, 1, part(1, 1, 7)).await, Recorded::Done);
    assert_eq!(store.uploads().expire(day).await.unwrap(), 0);
    assert!(store.uploads().get(&a, young, "ann").await.unwrap().is_some());
}
