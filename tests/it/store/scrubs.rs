//! Which blobs are due to be compared with their digests, and what a result changes.

use std::time::Duration;

use af_registry::store::{ScrubPlace, Store};

use super::{cid, commit, digest};
use crate::rig;

const DAY: Duration = Duration::from_secs(86_400);

/// The blobs that are due at this age, in pages of two.
async fn due(store: &Store, age: Duration) -> Vec<String> {
    let (scrubs, mut place, mut found) = (store.scrubs(), ScrubPlace::START, Vec::new());
    let cutoff = scrubs.cutoff(age).await.unwrap();
    loop {
        let page = scrubs.due(cutoff, place, 2).await.unwrap();
        let Some(last) = page.last() else { return found };
        place = last.place;
        found.extend(page.iter().map(|item| item.digest.to_string()));
    }
}

#[tokio::test]
async fn a_blob_is_due_when_its_last_comparison_is_old() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 1..=5 {
        commit(&store, "acme/web", n).await;
    }
    assert_eq!(due(&store, DAY).await, [""; 0], "a push compares too");
    let pass = "UPDATE blobs SET created_at = now() - id * INTERVAL '2 days'";
    admin.batch_execute(pass).await.unwrap();
    let oldest_first: Vec<_> = (1..=5).rev().map(|n| digest(n).to_string()).collect();
    assert_eq!(due(&store, DAY).await, oldest_first);
    assert_eq!(due(&store, 5 * DAY).await, oldest_first[..3]);
    let (backlog, oldest) = store.scrubs().backlog(5 * DAY).await.unwrap();
    assert_eq!((backlog.items, oldest.unwrap() > 9 * DAY), (3, true));

    let item = store.scrubs().get(&digest(5)).await.unwrap().unwrap();
    assert!(store.scrubs().passed(&item).await.unwrap());
    store.scrubs().failed(&store.scrubs().get(&digest(4)).await.unwrap().unwrap()).await.unwrap();
    assert_eq!(due(&store, DAY).await, oldest_first[2..]);
    let summary = store.scrubs().summary(store.scrubs().cutoff(DAY).await.unwrap()).await.unwrap();
    assert_eq!((summary.blobs, summary.due, summary.never), (5, 3, 3));
}

#[tokio::test]
async fn a_result_counts_only_for_the_bytes_that_were_read() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "acme/web", 1).await;
    let scrubs = store.scrubs();
    let before = scrubs.get(&digest(1)).await.unwrap().unwrap();
    assert!(store.blobs().quarantine(&before).await.unwrap());
    assert!(!scrubs.passed(&before).await.unwrap(), "the quarantine began after the read");
    let now = scrubs.cutoff(Duration::ZERO).await.unwrap();
    let listed = scrubs.quarantined(now, ScrubPlace::START, 10).await.unwrap();
    let [in_quarantine] = &listed[..] else { panic!("{listed:?}") };
    assert!(in_quarantine.quarantined_at.is_some());
    let next = scrubs.quarantined(now, in_quarantine.place, 10).await.unwrap();
    assert_eq!(next, []);

    let other = cid(77).to_string();
    admin.execute("UPDATE blobs SET ipfs_cid = $1", &[&other]).await.unwrap();
    assert!(!scrubs.passed(in_quarantine).await.unwrap(), "the blob has another CID by now");
    let current = scrubs.get(&digest(1)).await.unwrap().unwrap();
    assert!(scrubs.passed(&current).await.unwrap());
    let healed = scrubs.get(&digest(1)).await.unwrap().unwrap();
    assert_eq!(healed.quarantined_at, None);
    assert_eq!(scrubs.get(&digest(2)).await.unwrap(), None);
}
