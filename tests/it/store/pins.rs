//! The pin protocol. In whatever order calls meet at a CID, it keeps its pin if a row names it, and loses it otherwise.

use af_registry::store::{Claim, Commit, Committed, Part, Recorded, Store};

use super::{
    assert_no_deadlock, cid, commit, commit_at, digest, repository, start_upload, waiting,
};
use crate::rig;

/// Puts CID `n`, which no row names, into the queue.
async fn queue(store: &Store, n: u64) {
    let claim = store.pins().claim(&cid(n)).await.unwrap();
    let part = Part { offset: 0, size: 1, cid: cid(n) };
    let gone = claim.record_part(uuid::Uuid::new_v4(), 0, part, None).await.unwrap();
    assert_eq!(gone, Recorded::Gone);
    assert!(store.unpins().due(100).await.unwrap().contains(&cid(n)));
}

async fn commit_claimed(claim: Claim, n: u64) {
    let commit = Commit {
        repository: repository("a"),
        digest: digest(n),
        size: 1,
        upload: None,
        received: 0,
        superseded: Vec::new(),
    };
    assert_eq!(claim.commit_blob(commit).await.unwrap(), Committed::Done { cid: cid(n) });
}

#[tokio::test]
async fn a_claim_of_an_unpinned_cid_reports_the_lost_pin() {
    let store = rig::database().await.store;
    assert!(!store.pins().claim(&cid(1)).await.unwrap().pin_lost());
    queue(&store, 1).await;
    store.unpins().claim(&cid(1)).await.unwrap().unwrap().done().await.unwrap();
    assert!(store.unpins().due(10).await.unwrap().is_empty());
    assert!(store.unpins().claim(&cid(1)).await.unwrap().is_none());
    // A claim that is dropped changes nothing.
    let claim = store.pins().claim(&cid(1)).await.unwrap();
    assert!(claim.pin_lost());
    drop(claim);
    let claim = store.pins().claim(&cid(1)).await.unwrap();
    assert!(claim.pin_lost());
    commit_claimed(claim, 1).await;
    // The CID is pinned again and a row names it, so the next claim need not pin it.
    assert!(!store.pins().claim(&cid(1)).await.unwrap().pin_lost());
}

#[tokio::test]
async fn a_claim_waits_for_an_unpin_and_reports_the_lost_pin() {
    let store = rig::database().await.store;
    queue(&store, 1).await;
    let unpin = store.unpins().claim(&cid(1)).await.unwrap().unwrap();
    let claiming = {
        let store = store.clone();
        waiting(async move { store.pins().claim(&cid(1)).await.unwrap() }).await
    };
    unpin.done().await.unwrap();
    let claim = claiming.await.unwrap();
    assert!(claim.pin_lost());
    commit_claimed(claim, 1).await;
    assert!(store.unpins().due(10).await.unwrap().is_empty());
}

/// The instance that unpinned stopped between Kubo's answer and its commit. The pin is gone, but no row says so.
#[tokio::test]
async fn an_interrupted_unpin_counts_as_a_lost_pin() {
    let store = rig::database().await.store;
    queue(&store, 1).await;
    let unpin = store.unpins().claim(&cid(1)).await.unwrap().unwrap();
    let claiming = {
        let store = store.clone();
        waiting(async move { store.pins().claim(&cid(1)).await.unwrap() }).await
    };
    drop(unpin);
    let claim = claiming.await.unwrap();
    assert!(claim.pin_lost());
    commit_claimed(claim, 1).await;
    assert!(store.unpins().claim(&cid(1)).await.unwrap().is_none());
    assert!(store.unpins().due(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unpin_waits_for_a_claim_and_keeps_what_it_committed() {
    let store = rig::database().await.store;
    queue(&store, 1).await;
    let claim = store.pins().claim(&cid(1)).await.unwrap();
    let unpinning = {
        let store = store.clone();
        waiting(async move { store.unpins().claim(&cid(1)).await.unwrap().is_some() }).await
    };
    commit_claimed(claim, 1).await;
    assert!(!unpinning.await.unwrap());
    assert!(store.unpins().due(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unpin_waits_for_a_claim_and_goes_on_when_it_is_dropped() {
    let store = rig::database().await.store;
    queue(&store, 1).await;
    let claim = store.pins().claim(&cid(1)).await.unwrap();
    let unpinning = {
        let store = store.clone();
        waiting(async move { store.unpins().claim(&cid(1)).await.unwrap() }).await
    };
    drop(claim);
    unpinning.await.unwrap().unwrap().done().await.unwrap();
}

/// Of two uploads of the same bytes, one is cancelled before, while and after the other records its part.
#[tokio::test]
async fn cancelling_an_upload_does_not_unpin_the_part_of_another() {
    let store = rig::database().await.store;
    let a = repository("a");
    for (n, order) in ["before", "while", "after"].into_iter().enumerate() {
        let at = cid(n as u64);
        let part = Part { offset: 0, size: 1, cid: at };
        let left = start_upload(&store, &a, "ann").await;
        let right = start_upload(&store, &a, "bob").await;
        let claim = store.pins().claim(&at).await.unwrap();
        assert_eq!(claim.record_part(left, 0, part, None).await.unwrap(), Recorded::Done);
        if order == "before" {
            assert!(store.uploads().cancel(&a, left, "ann").await.unwrap());
        }
        let claim = store.pins().claim(&at).await.unwrap();
        assert_eq!(claim.pin_lost(), order == "before");
        if order == "while" {
            assert!(store.uploads().cancel(&a, left, "ann").await.unwrap());
        }
        assert_eq!(claim.record_part(right, 0, part, None).await.unwrap(), Recorded::Done);
        if order == "after" {
            assert!(store.uploads().cancel(&a, left, "ann").await.unwrap());
        }
        assert!(store.unpins().claim(&at).await.unwrap().is_none(), "{order}");
        assert!(store.unpins().due(10).await.unwrap().is_empty(), "{order}");
        assert!(store.uploads().cancel(&a, right, "bob").await.unwrap());
        store.unpins().claim(&at).await.unwrap().unwrap().done().await.unwrap();
    }
}

#[tokio::test]
async fn a_queued_cid_that_a_blob_or_a_part_names_is_kept() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    let enqueue = "INSERT INTO unpins (ipfs_cid) VALUES ($1)";
    admin.execute(enqueue, &[&cid(1).to_string()]).await.unwrap();
    assert!(store.unpins().claim(&cid(1)).await.unwrap().is_none());
    assert!(store.unpins().due(10).await.unwrap().is_empty());
}

/// The last user of a CID queues it while an unpin looks at it. The unpin must not remove this new request.
#[tokio::test]
async fn a_cid_whose_last_user_leaves_during_an_unpin_stays_queued() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    let enqueue = "INSERT INTO unpins (ipfs_cid) SELECT ipfs_cid FROM blobs";
    admin.batch_execute(enqueue).await.unwrap();
    admin
        .batch_execute(
            "BEGIN;
             DELETE FROM repository_blobs;
             DELETE FROM blobs;
             UPDATE unpins SET requested_at = now()",
        )
        .await
        .unwrap();
    let unpinning = {
        let store = store.clone();
        waiting(async move { store.unpins().claim(&cid(1)).await.unwrap().is_some() }).await
    };
    admin.batch_execute("COMMIT").await.unwrap();
    assert!(!unpinning.await.unwrap());
    assert_eq!(store.unpins().due(10).await.unwrap(), [cid(1)]);
    store.unpins().claim(&cid(1)).await.unwrap().unwrap().done().await.unwrap();
}

/// The blob keeps the CID of an earlier push, so the claimed CID, which was queued already, stays in the queue.
#[tokio::test]
async fn a_claimed_cid_that_no_row_takes_stays_in_the_queue() {
    let store = rig::database().await.store;
    commit(&store, "a", 1).await;
    queue(&store, 2).await;
    store.unpins().claim(&cid(2)).await.unwrap().unwrap().done().await.unwrap();
    assert_eq!(commit_at(&store, "a", 1, 2).await, cid(1));
    assert_eq!(store.unpins().due(10).await.unwrap(), [cid(2)]);
}

#[tokio::test]
async fn tombstones_are_forgotten_after_two_days() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 1..=3 {
        queue(&store, n).await;
    }
    for n in 1..=2 {
        store.unpins().claim(&cid(n)).await.unwrap().unwrap().done().await.unwrap();
    }
    let age = "UPDATE unpins SET done_at = now() - INTERVAL '49 hours' WHERE ipfs_cid = $1";
    admin.execute(age, &[&cid(1).to_string()]).await.unwrap();
    assert_eq!(store.unpins().forget().await.unwrap(), 1);
    assert_eq!(store.unpins().forget().await.unwrap(), 0);
    assert!(!store.pins().claim(&cid(1)).await.unwrap().pin_lost());
    assert!(store.pins().claim(&cid(2)).await.unwrap().pin_lost());
    assert_eq!(store.unpins().due(10).await.unwrap(), [cid(3)]);
}

/// Uploads and unpins share eight CIDs, with pauses as long as those of Kubo. A set in the test stands for Kubo's pins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cid_that_a_row_names_is_always_pinned() {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    let rig::Database { store, admin, .. } = rig::database().await;
    let pins: Arc<Mutex<HashSet<u64>>> = Arc::default();
    let end = Instant::now() + Duration::from_secs(4);
    let mut tasks = Vec::new();
    for worker in 0..5_u64 {
        let (store, pins) = (store.clone(), Arc::clone(&pins));
        tasks.push(tokio::spawn(async move {
            let a = repository("a");
            for round in 0_u64.. {
                if Instant::now() > end {
                    return;
                }
                let n = (worker * 7 + round * 3) % 8;
                let id = start_upload(&store, &a, "ann").await;
                pins.lock().unwrap().insert(n); // Kubo's add
                tokio::time::sleep(Duration::from_millis(round % 3)).await;
                let claim = store.pins().claim(&cid(n)).await.unwrap();
                if claim.pin_lost() {
                    pins.lock().unwrap().insert(n);
                }
                let part = Part { offset: 0, size: 1, cid: cid(n) };
                assert_eq!(claim.record_part(id, 0, part, None).await.unwrap(), Recorded::Done);
                assert!(pins.lock().unwrap().contains(&n), "a recorded part lost its pin");
                tokio::time::sleep(Duration::from_millis(round % 5)).await;
                assert!(pins.lock().unwrap().contains(&n), "a part lost its pin");
                assert!(store.uploads().cancel(&a, id, "ann").await.unwrap());
            }
        }));
    }
    for _ in 0..2 {
        let (store, pins) = (store.clone(), Arc::clone(&pins));
        tasks.push(tokio::spawn(async move {
            while Instant::now() < end {
                for due in store.unpins().due(8).await.unwrap() {
                    if let Some(claim) = store.unpins().claim(&due).await.unwrap() {
                        pins.lock().unwrap().retain(|n| cid(*n) != due); // Kubo's pin/rm
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        claim.done().await.unwrap();
                    }
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Every pin that no row needs is in the queue.
    while let [first, ..] = store.unpins().due(8).await.unwrap()[..] {
        let claim = store.unpins().claim(&first).await.unwrap().unwrap();
        pins.lock().unwrap().retain(|n| cid(*n) != first);
        claim.done().await.unwrap();
    }
    assert!(pins.lock().unwrap().is_empty());
    let left = admin.query_one("SELECT count(*) FROM upload_parts", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
    assert_no_deadlock(&admin).await;
}
