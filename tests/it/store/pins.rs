//! The pin protocol. In whatever order calls meet at a CID, it keeps its pin if a row names it, and loses it otherwise.

use std::time::Duration;

use af_registry::store::{Claim, Commit, Committed, Epoch, Part, Recorded, Store};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    assert_no_deadlock, cid, claim, commit, commit_at, digest, due, repository, start_upload,
    stored, unpin_all,
};
use crate::rig;

/// Puts CID `n`, which no row names, into the queue.
async fn queue(store: &Store, n: u64) {
    store.pins().abandon(claim(store, n).await).await.unwrap();
}

/// Lets all claims end, as time does.
async fn end_claims(admin: &Client) {
    admin.batch_execute("UPDATE unpins SET claimed_until = now()").await.unwrap();
}

/// Lets everything in the queue be due, as time does.
async fn make_due(admin: &Client) {
    admin.batch_execute("UPDATE unpins SET next_try_at = now()").await.unwrap();
}

fn blob(n: u64) -> Commit {
    Commit { repository: repository("a"), digest: digest(n), size: 1, upload: None, received: 0 }
}

async fn commit_claimed(store: &Store, claim: Claim, n: u64) -> Committed {
    store.uploads().commit(&blob(n), claim, Epoch::NONE).await.unwrap()
}

#[tokio::test]
async fn one_claim_of_a_cid_at_a_time() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let first = claim(&store, 1).await;
    assert_eq!(store.pins().claim(&cid(1)).await.unwrap(), None);
    assert!(store.pins().claim(&cid(2)).await.unwrap().is_some());
    assert_eq!(commit_claimed(&store, first, 1).await, Committed::Done { cid: cid(1) });
    // The commit has ended the claim. So does time, if the owner of a claim has died.
    let second = claim(&store, 1).await;
    end_claims(&admin).await;
    let third = claim(&store, 1).await;
    assert_ne!(second, third);
    store.pins().abandon(second).await.unwrap();
    assert_eq!(store.pins().claim(&cid(1)).await.unwrap(), None, "the claim of another one ended");
    store.pins().abandon(third).await.unwrap();
    assert!(store.pins().claim(&cid(1)).await.unwrap().is_some());
}

/// A claim is the first if no row can need a pin of its CID.
#[tokio::test]
async fn a_claim_is_the_first_if_no_row_names_its_cid_and_the_queue_has_it_not() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let first = claim(&store, 1).await;
    assert!(first.is_first());
    assert_eq!(commit_claimed(&store, first, 1).await, Committed::Done { cid: cid(1) });
    assert!(!claim(&store, 1).await.is_first(), "a blob has this CID");
    let queued = claim(&store, 2).await;
    assert!(queued.is_first());
    store.pins().abandon(queued).await.unwrap();
    assert!(!claim(&store, 2).await.is_first(), "a pin may be under way for the claim before");
    end_claims(&admin).await;
    assert!(!claim(&store, 2).await.is_first());
    let id = start_upload(&store, &repository("a"), "ann").await;
    let part = Part { offset: 0, size: 1, cid: cid(3) };
    let pinned = stored(Some(claim(&store, 3).await));
    let recorded = store.uploads().record_part(id, 0, part, pinned, None).await;
    assert_eq!(recorded.unwrap(), Recorded::Done);
    assert!(!claim(&store, 3).await.is_first(), "a part has this CID");
}

/// The commit that names the CID ends while another claim waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_waits_for_a_commit_sees_what_it_names() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let other = rig::postgres::connect(&settings).await;
    let _held = claim(&store, 1).await;
    let (text, digest) = (cid(1).to_string(), digest(1));
    let commit = format!(
        "BEGIN; INSERT INTO blobs (digest, ipfs_cid, size) VALUES ('{digest}', '{text}', 1);
        DELETE FROM unpins WHERE ipfs_cid = '{text}'"
    );
    admin.batch_execute(&commit).await.unwrap();
    let claiming = {
        let store = store.clone();
        tokio::spawn(async move { store.pins().claim(&cid(1)).await })
    };
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while other.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    admin.batch_execute("COMMIT").await.unwrap();
    assert!(!claiming.await.unwrap().unwrap().unwrap().is_first());
}

#[tokio::test]
async fn what_was_claimed_and_never_named_is_unpinned() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let _dead = claim(&store, 1).await;
    assert!(unpin_all(&store).await.is_empty());
    make_due(&admin).await;
    assert!(unpin_all(&store).await.is_empty(), "the claim has not ended");
    end_claims(&admin).await;
    assert_eq!(unpin_all(&store).await, [cid(1)]);
    assert!(unpin_all(&store).await.is_empty());
}

/// The owner of a claim stops for so long that its CID is unpinned meanwhile.
#[tokio::test]
async fn a_row_that_would_name_a_cid_of_a_lost_claim_is_not_written() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let id = start_upload(&store, &a, "ann").await;
    let part = Part { offset: 0, size: 1, cid: cid(1) };
    for unpinned in [true, false] {
        let late = claim(&store, 1).await;
        end_claims(&admin).await;
        if unpinned {
            make_due(&admin).await;
            assert_eq!(unpin_all(&store).await, [cid(1)]);
        } else {
            let _other = claim(&store, 1).await;
        }
        assert_eq!(commit_claimed(&store, late, 1).await, Committed::Unclaimed);
        let recorded = store.uploads().record_part(id, 0, part, stored(Some(late)), None).await;
        assert_eq!(recorded.unwrap(), Recorded::Unclaimed);
    }
    assert!(store.uploads().parts(id).await.unwrap().is_empty());
    let blobs = admin.query_one("SELECT count(*) FROM blobs", &[]).await.unwrap();
    assert_eq!(blobs.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_claim_and_an_unpin_exclude_each_other() {
    let rig::Database { store, admin, .. } = rig::database().await;
    queue(&store, 1).await;
    let queued = store.unpins().claim().await.unwrap();
    assert_eq!(queued.cids.iter().map(|one| one.cid).collect::<Vec<_>>(), [cid(1)]);
    assert_eq!(store.pins().claim(&cid(1)).await.unwrap(), None, "it is being unpinned");
    store.unpins().done(&queued, &queued.cids).await.unwrap();
    let pinning = claim(&store, 1).await;
    make_due(&admin).await;
    assert!(unpin_all(&store).await.is_empty(), "it is being pinned");
    assert_eq!(commit_claimed(&store, pinning, 1).await, Committed::Done { cid: cid(1) });
    assert!(unpin_all(&store).await.is_empty(), "a blob names it");
    let left = admin.query_one("SELECT count(*) FROM unpins", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

/// An unpin that got no answer may be carried out after the CID was pinned again.
#[tokio::test]
async fn a_cid_whose_unpin_is_in_doubt_is_looked_at_until_the_doubt_ends() {
    let rig::Database { store, admin, .. } = rig::database().await;
    queue(&store, 1).await;
    let queued = store.unpins().claim().await.unwrap();
    let minutes = Duration::from_secs(600);
    store.unpins().postpone(&queued, &queued.cids, minutes).await.unwrap();
    assert!(
        due(&admin).await.is_empty(),
        "no second call is made while the first may be carried out"
    );
    let pinned = claim(&store, 1).await;
    assert_eq!(commit_claimed(&store, pinned, 1).await, Committed::Done { cid: cid(1) });
    for _ in 0..2 {
        make_due(&admin).await;
        let queued = store.unpins().claim().await.unwrap();
        assert!(queued.cids[0].named && queued.cids[0].doubtful, "{queued:?}");
        store.unpins().await_doubt(&queued, &queued.cids).await.unwrap();
    }
    admin.batch_execute("UPDATE unpins SET doubt_until = now()").await.unwrap();
    make_due(&admin).await;
    let queued = store.unpins().claim().await.unwrap();
    assert!(queued.cids[0].named && !queued.cids[0].doubtful, "{queued:?}");
    store.unpins().keep(&queued, &queued.cids).await.unwrap();
    let left = admin.query_one("SELECT count(*) FROM unpins", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

/// Of two uploads of the same bytes, one is cancelled before, while and after the other records its part.
#[tokio::test]
async fn cancelling_an_upload_does_not_unpin_the_part_of_another() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    for (n, order) in (0_u64..).zip(["before", "while", "after"]) {
        let part = Part { offset: 0, size: 1, cid: cid(n) };
        let left = start_upload(&store, &a, "ann").await;
        let right = start_upload(&store, &a, "bob").await;
        let record = async |id, claim| {
            let recorded =
                store.uploads().record_part(id, 0, part, stored(Some(claim)), None).await;
            assert_eq!(recorded.unwrap(), Recorded::Done, "{order}");
        };
        record(left, claim(&store, n).await).await;
        if order == "before" {
            assert!(store.uploads().cancel(&a, left, "ann").await.unwrap());
        }
        let claimed = claim(&store, n).await;
        if order == "while" {
            assert!(store.uploads().cancel(&a, left, "ann").await.unwrap());
        }
        record(right, claimed).await;
        if order == "after" {
            assert!(store.uploads().cancel(&a, left, "ann").await.unwrap());
        }
        assert!(unpin_all(&store).await.is_empty(), "{order}");
        assert!(due(&admin).await.is_empty(), "{order}");
        assert!(store.uploads().cancel(&a, right, "bob").await.unwrap());
        assert_eq!(unpin_all(&store).await, [cid(n)], "{order}");
    }
}

/// A part that Kubo does not pin itself needs no claim, and its end queues nothing.
#[tokio::test]
async fn a_part_without_a_pin_is_never_unpinned() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let id = start_upload(&store, &a, "ann").await;
    for (offset, at) in [(0, 1), (0, 2), (1, 3)] {
        let part = Part { offset, size: 1, cid: cid(at) };
        let expected = u64::from(at > 1);
        let recorded = store.uploads().record_part(id, expected, part, stored(None), None).await;
        assert_eq!(recorded.unwrap(), Recorded::Done);
    }
    assert!(store.uploads().cancel(&a, id, "ann").await.unwrap());
    assert!(due(&admin).await.is_empty());
}

#[tokio::test]
async fn a_queued_cid_that_a_blob_names_is_kept() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    let enqueue = "INSERT INTO unpins (ipfs_cid) VALUES ($1)";
    admin.execute(enqueue, &[&cid(1).to_string()]).await.unwrap();
    assert!(unpin_all(&store).await.is_empty());
    assert!(due(&admin).await.is_empty());
}

/// The last user of a CID leaves while the queue is worked through. Its request must not get lost.
#[tokio::test]
async fn a_cid_whose_last_user_leaves_while_it_is_kept_stays_queued() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    let id = start_upload(&store, &a, "ann").await;
    let part = Part { offset: 0, size: 1, cid: cid(1) };
    let pinned = Some(claim(&store, 1).await);
    store.uploads().record_part(id, 0, part, stored(pinned), None).await.unwrap();
    let enqueue = "INSERT INTO unpins (ipfs_cid) VALUES ($1)";
    admin.execute(enqueue, &[&cid(1).to_string()]).await.unwrap();
    let queued = store.unpins().claim().await.unwrap();
    assert!(queued.cids[0].named);
    assert!(store.uploads().cancel(&a, id, "ann").await.unwrap());
    store.unpins().keep(&queued, &queued.cids).await.unwrap();
    end_claims(&admin).await;
    assert_eq!(unpin_all(&store).await, [cid(1)]);
}

/// The blob keeps the CID of an earlier push, so the claimed CID is due for unpinning.
#[tokio::test]
async fn a_claimed_cid_that_no_row_takes_is_due() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    assert_eq!(commit_at(&store, "a", 1, 2).await, cid(1));
    assert_eq!(due(&admin).await, [cid(2)]);
}

#[tokio::test]
async fn tombstones_are_forgotten_after_two_days() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 1..=2 {
        queue(&store, n).await;
    }
    assert_eq!(unpin_all(&store).await.len(), 2);
    queue(&store, 3).await;
    let age = "UPDATE unpins SET done_at = now() - INTERVAL '49 hours' WHERE ipfs_cid = $1";
    admin.execute(age, &[&cid(1).to_string()]).await.unwrap();
    assert_eq!(store.unpins().forget().await.unwrap(), 1);
    assert_eq!(store.unpins().forget().await.unwrap(), 0);
    assert_eq!(due(&admin).await, [cid(3)]);
}

/// Uploads and unpins share eight CIDs, with pauses as long as those of Kubo. A set in the test stands for Kubo's pins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cid_that_a_row_names_is_always_pinned() {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

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
                let claim = loop {
                    if let Some(claim) = store.pins().claim(&cid(n)).await.unwrap() {
                        break claim;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                };
                tokio::time::sleep(Duration::from_millis(round % 3)).await;
                pins.lock().unwrap().insert(n); // Kubo's pin, if there is none
                let part = Part { offset: 0, size: 1, cid: cid(n) };
                let recorded =
                    store.uploads().record_part(id, 0, part, stored(Some(claim)), None).await;
                assert_eq!(recorded.unwrap(), Recorded::Done);
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
                let queued = store.unpins().claim().await.unwrap();
                let (named, unnamed): (Vec<_>, Vec<_>) =
                    queued.cids.iter().copied().partition(|one| one.named);
                store.unpins().keep(&queued, &named).await.unwrap();
                for one in &unnamed {
                    pins.lock().unwrap().retain(|n| cid(*n) != one.cid); // Kubo's pin/rm
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                store.unpins().done(&queued, &unnamed).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Every pin that no row needs is in the queue.
    end_claims(&admin).await;
    for unpinned in unpin_all(&store).await {
        pins.lock().unwrap().retain(|n| cid(*n) != unpinned);
    }
    assert!(pins.lock().unwrap().is_empty());
    let left = admin.query_one("SELECT count(*) FROM upload_parts", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
    assert_no_deadlock(&admin).await;
}

/// An upload that is unknown does not name its part, and the claim ends.
#[tokio::test]
async fn a_part_of_an_unknown_upload_is_due_for_unpinning() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let part = Part { offset: 0, size: 1, cid: cid(1) };
    let pinned = Some(claim(&store, 1).await);
    let recorded = store.uploads().record_part(Uuid::new_v4(), 0, part, stored(pinned), None).await;
    assert_eq!(recorded.unwrap(), Recorded::Gone);
    assert_eq!(due(&admin).await, [cid(1)]);
}
