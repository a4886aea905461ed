//! Finding, mounting, unlinking and quarantining blobs.

use af_registry::store::{LinkedBlob, Put, Unlink};

use super::{
    anywhere, assert_no_deadlock, cid, commit, commit_at, digest, due, from, manifest, open, put,
    repository, unpin_all, waiting,
};
use crate::rig;

#[tokio::test]
async fn a_blob_is_found_only_where_it_is_linked() {
    let store = rig::database().await.store;
    commit(&store, "a", 1).await;
    let found = store.blobs().get(&open(&repository("a")), &digest(1)).await.unwrap();
    assert_eq!(found, Some(LinkedBlob { cid: cid(1), size: 1, quarantined: false }));
    assert_eq!(store.blobs().get(&open(&repository("a")), &digest(2)).await.unwrap(), None);
    assert_eq!(store.blobs().get(&open(&repository("b")), &digest(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_mount_needs_a_source_that_holds_the_blob() {
    let store = rig::database().await.store;
    let (a, b, c) = (repository("a"), repository("b"), repository("c"));
    commit(&store, "a", 1).await;
    commit(&store, "c", 2).await;
    assert!(!store.blobs().mount(&b, &digest(1), &from(&c)).await.unwrap());
    assert!(!store.blobs().mount(&b, &digest(1), &from(&repository("nowhere"))).await.unwrap());
    assert!(!store.blobs().mount(&b, &digest(9), &anywhere()).await.unwrap());
    assert_eq!(store.blobs().get(&open(&b), &digest(1)).await.unwrap(), None);
    assert!(store.blobs().mount(&b, &digest(1), &from(&a)).await.unwrap());
    assert!(store.blobs().mount(&b, &digest(1), &from(&a)).await.unwrap());
    assert!(store.blobs().mount(&b, &digest(2), &anywhere()).await.unwrap());
    assert!(store.blobs().get(&open(&b), &digest(1)).await.unwrap().is_some());
    assert!(store.blobs().get(&open(&b), &digest(2)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_blob_that_no_repository_holds_is_not_mounted() {
    let store = rig::database().await.store;
    commit(&store, "a", 1).await;
    assert_eq!(store.blobs().unlink(&repository("a"), &digest(1)).await.unwrap(), Unlink::Done);
    assert!(!store.blobs().mount(&repository("b"), &digest(1), &anywhere()).await.unwrap());
}

#[tokio::test]
async fn quarantine_lasts_until_the_next_push() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    commit(&store, "a", 1).await;
    let item = async || store.scrubs().get(&digest(1)).await.unwrap().unwrap();
    let before = item().await;
    // A push brings the bytes again while somebody finds that they are lost: what was found counts no more.
    assert_eq!(commit_at(&store, "a", 1, 1).await, cid(1));
    assert!(!store.blobs().quarantine(&before).await.unwrap());
    assert!(store.blobs().quarantine(&item().await).await.unwrap());
    assert!(!store.blobs().quarantine(&item().await).await.unwrap());
    assert!(store.blobs().get(&open(&a), &digest(1)).await.unwrap().unwrap().quarantined);
    assert!(!store.blobs().mount(&repository("b"), &digest(1), &anywhere()).await.unwrap());
    assert!(!store.blobs().mount(&repository("b"), &digest(1), &from(&a)).await.unwrap());
    let mut needy = manifest("a", 1000);
    needy.blobs = vec![digest(1)];
    assert_eq!(store.manifests().put(&needy).await.unwrap(), Put::Missing(vec![digest(1)]));
    // A push at another CID repairs the blob, and the old CID is queued.
    assert_eq!(commit_at(&store, "a", 1, 2).await, cid(2));
    let healed = store.blobs().get(&open(&a), &digest(1)).await.unwrap().unwrap();
    assert_eq!((healed.cid, healed.quarantined), (cid(2), false));
    assert_eq!(due(&admin).await, [cid(1)]);
    // A push at the same CID repairs the blob.
    assert!(store.blobs().quarantine(&item().await).await.unwrap());
    assert_eq!(commit_at(&store, "a", 1, 2).await, cid(2));
    assert!(!store.blobs().get(&open(&a), &digest(1)).await.unwrap().unwrap().quarantined);
    put(&store, &needy).await;
}

#[tokio::test]
async fn a_blob_is_unlinked_unless_a_manifest_or_an_index_names_it() {
    let store = rig::database().await.store;
    let a = repository("a");
    for n in 1..=4 {
        commit(&store, "a", n).await;
        commit(&store, "b", n).await;
    }
    let mut image = manifest("a", 1000);
    (image.blobs, image.loose_blobs) = (vec![digest(1)], vec![digest(2)]);
    put(&store, &image).await;
    let mut index = manifest("a", 1001);
    index.children = vec![digest(1000), digest(3)];
    put(&store, &index).await;
    let mut elsewhere = manifest("b", 1002);
    elsewhere.blobs = vec![digest(4)];
    put(&store, &elsewhere).await;
    for n in 1..=3 {
        assert_eq!(store.blobs().unlink(&a, &digest(n)).await.unwrap(), Unlink::Referenced, "{n}");
    }
    assert_eq!(store.blobs().unlink(&a, &digest(4)).await.unwrap(), Unlink::Done);
    assert_eq!(store.blobs().unlink(&a, &digest(4)).await.unwrap(), Unlink::Absent);
    assert_eq!(store.blobs().unlink(&a, &digest(9)).await.unwrap(), Unlink::Absent);
    assert!(store.manifests().delete(&a, &digest(1000)).await.unwrap());
    assert_eq!(store.blobs().unlink(&a, &digest(1)).await.unwrap(), Unlink::Done);
    assert_eq!(store.blobs().unlink(&a, &digest(2)).await.unwrap(), Unlink::Done);
    assert_eq!(store.blobs().unlink(&a, &digest(3)).await.unwrap(), Unlink::Referenced);
    assert!(store.manifests().delete(&a, &digest(1001)).await.unwrap());
    assert_eq!(store.blobs().unlink(&a, &digest(3)).await.unwrap(), Unlink::Done);
}

/// Tests both orders. An open transaction stands for the call that comes first.
#[tokio::test]
async fn an_unlink_and_a_manifest_wait_for_each_other() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    commit(&store, "a", 1).await;
    put(&store, &manifest("a", 1001)).await;

    admin
        .batch_execute(
            "BEGIN; INSERT INTO manifest_blobs
             SELECT rb.repository_id, rm.manifest_id, rb.blob_id
             FROM repository_blobs rb, repository_manifests rm",
        )
        .await
        .unwrap();
    let unlinking = {
        let (store, a) = (store.clone(), a.clone());
        waiting(async move { store.blobs().unlink(&a, &digest(1)).await.unwrap() }).await
    };
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(unlinking.await.unwrap(), Unlink::Referenced);

    let mut needy = manifest("a", 1000);
    needy.blobs = vec![digest(1)];
    for (end, outcome) in [("ROLLBACK", Put::Done), ("COMMIT", Put::Missing(vec![digest(1)]))] {
        admin
            .batch_execute("BEGIN; DELETE FROM manifest_blobs; DELETE FROM repository_blobs")
            .await
            .unwrap();
        let putting = {
            let (store, needy) = (store.clone(), needy.clone());
            waiting(async move { store.manifests().put(&needy).await.unwrap() }).await
        };
        admin.batch_execute(end).await.unwrap();
        assert_eq!(putting.await.unwrap(), outcome, "{end}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlink_during_a_manifest_push_leaves_the_manifest_complete_or_rejected() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 0..60 {
        commit(&store, "a", n).await;
        let mut needy = manifest("a", 1000 + n);
        needy.blobs = vec![digest(n)];
        let (a, blob) = (repository("a"), digest(n));
        let (unlinked, stored) =
            tokio::join!(store.blobs().unlink(&a, &blob), store.manifests().put(&needy));
        match (unlinked.unwrap(), stored.unwrap()) {
            (Unlink::Done, Put::Missing(missing)) => assert_eq!(missing, [digest(n)]),
            (Unlink::Referenced, Put::Done) => {
                assert!(store.blobs().get(&open(&a), &blob).await.unwrap().is_some());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_no_deadlock(&admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_digest_committed_at_two_cids_keeps_one_and_queues_the_other() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 1..=20 {
        let (left, right) = tokio::join!(
            commit_at(&store, "a", n, 100 + 2 * n),
            commit_at(&store, "b", n, 101 + 2 * n),
        );
        assert_eq!(left, right);
        let loser = if left == cid(100 + 2 * n) { 101 + 2 * n } else { 100 + 2 * n };
        assert_eq!(due(&admin).await, [cid(loser)]);
        for name in ["a", "b"] {
            let found = store.blobs().get(&open(&repository(name)), &digest(n)).await.unwrap();
            assert_eq!(found.unwrap().cid, left);
        }
        assert_eq!(unpin_all(&store).await, [cid(loser)]);
    }
    assert_no_deadlock(&admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_can_commit_one_digest_at_one_cid() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let commits: Vec<_> = (0..32)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                commit_at(&store, ["a", "b", "c"][n % 3], 1, 1).await;
            })
        })
        .collect();
    for commit in commits {
        commit.await.unwrap();
    }
    let row = admin
        .query_one(
            "SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM repository_blobs),
                (SELECT count(*) FROM unpins)",
            &[],
        )
        .await
        .unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2)), (1_i64, 3_i64, 0_i64));
    assert_no_deadlock(&admin).await;
}
