//! Reviews: what nobody needs goes after its window, and what somebody is about to need stays.

use std::time::Duration;

use af_registry::jobs::{Nudge, Turn, run_now};
use af_registry::oci::{Digest, RepositoryName};
use af_registry::policy::{Keep, Retention, Rule};
use af_registry::registry::EndRules;
use af_registry::registry::upkeep::{FindUntagged, ForgetExpired, Review, judge, undelete};
use af_registry::rights::{Access, Grantee, Role};
use af_registry::store::{NewManifest, Put, ReviewKind, Reviewed, Store, TaggedFacts, Unlink};
use tokio_postgres::Client;

use super::{
    anywhere, assert_no_deadlock, cid, commit, commit_at, digest, from, manifest, open, put,
    reference, repository, tag, waiting,
};
use crate::rig::{self, postgres::connect};

const HOUR: Duration = Duration::from_secs(3600);

/// What exists, as numbers of rows.
#[derive(Debug, PartialEq, Eq)]
struct Rows {
    links: i64,
    blobs: i64,
    manifests: i64,
    held: i64,
    unpins: i64,
}

async fn rows(admin: &Client) -> Rows {
    let counts = "SELECT (SELECT count(*) FROM repository_blobs), (SELECT count(*) FROM blobs),
        (SELECT count(*) FROM manifests), (SELECT count(*) FROM repository_manifests),
        (SELECT count(*) FROM unpins WHERE done_at IS NULL)";
    let row = admin.query_one(counts, &[]).await.unwrap();
    let at = |column| row.get::<_, i64>(column);
    Rows { links: at(0), blobs: at(1), manifests: at(2), held: at(3), unpins: at(4) }
}

fn rules(window: Duration, untagged: Keep) -> EndRules {
    let rule = Rule { pattern: "*".parse().unwrap(), keep: untagged };
    EndRules { window, retention: Retention::new(vec![rule]), refresh_token_life: HOUR }
}

/// Runs the job, and returns how many items it looked at.
async fn review(store: &Store, rules: EndRules) -> u64 {
    let job = Review::new(store.clone(), rules, Nudge::default());
    let Turn::Had(run) = run_now(&job, store).await.unwrap() else { panic!("not our turn") };
    run.result.unwrap().items
}

async fn review_all(store: &Store, window: Duration) -> u64 {
    review(store, rules(window, Keep::Always)).await
}

/// Lets time pass for everything in the queue.
async fn age(admin: &Client, time: &str) {
    let pass = format!(
        "UPDATE reviews SET quiet_since = quiet_since - '{time}'::INTERVAL,
             review_from = review_from - '{time}'::INTERVAL;
         UPDATE deletions SET deleted_at = deleted_at - '{time}'::INTERVAL"
    );
    admin.batch_execute(&pass).await.unwrap();
}

/// Image `n` of one blob, with a tag.
fn image(name: &str, n: u64, blob: u64, tagged: &str) -> NewManifest {
    let mut image = manifest(name, n);
    image.blobs = vec![digest(blob)];
    image.tags = vec![tag(tagged)];
    image
}

async fn holds(store: &Store, name: &str, n: u64) -> bool {
    store.blobs().get(&open(&repository(name)), &digest(n)).await.unwrap().is_some()
}

async fn tagged(store: &Store, name: &str, tag: &str) -> Option<Digest> {
    let access = open(&repository(name));
    store.manifests().head(&access, &reference(tag)).await.unwrap().map(|head| head.digest)
}

#[tokio::test]
async fn a_deleted_image_goes_and_what_others_share_stays() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 1..=3 {
        commit(&store, "a", n).await;
    }
    commit(&store, "b", 1).await;
    put(&store, &image("a", 1000, 1, "one")).await;
    put(&store, &image("a", 1001, 2, "two")).await;
    let before = rows(&admin).await;
    review_all(&store, HOUR).await;
    assert_eq!(rows(&admin).await, before, "nothing is due");

    // Blob 3 of a and blob 1 of b are named by nothing, and the deleted image names blob 1 no more.
    assert!(store.manifests().delete(&repository("a"), &digest(1000)).await.unwrap());
    age(&admin, "59 minutes").await;
    review_all(&store, HOUR).await;
    assert_eq!(rows(&admin).await.links, 4, "not yet");
    age(&admin, "2 minutes").await;
    assert!(review_all(&store, HOUR).await > 0);
    let after = Rows { links: 1, blobs: 3, manifests: 1, held: 1, unpins: 0 };
    assert_eq!(rows(&admin).await, after);
    assert!(holds(&store, "a", 2).await);
    age(&admin, "61 minutes").await;
    review_all(&store, HOUR).await;
    let after = Rows { links: 1, blobs: 1, manifests: 1, held: 1, unpins: 2 };
    assert_eq!(rows(&admin).await, after);
    let queued = "SELECT ipfs_cid FROM unpins ORDER BY ipfs_cid";
    let queued = admin.query(queued, &[]).await.unwrap();
    let mut expected = [cid(1).to_string(), cid(3).to_string()];
    expected.sort();
    assert!(queued.iter().map(|row| row.get::<_, String>(0)).eq(expected));
    let left = "SELECT count(*) FROM reviews";
    assert_eq!(admin.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(tagged(&store, "a", "two").await, Some(digest(1001)));
}

#[tokio::test]
async fn a_removed_repository_is_freed_and_many_items_take_several_steps() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let fill = "INSERT INTO repositories (name) VALUES ('big');
        INSERT INTO blobs (digest, ipfs_cid, size) SELECT 'd' || n, 'c' || n, 1 FROM generate_series(1, 1200) n;
        INSERT INTO repository_blobs (repository_id, blob_id) SELECT 1, id FROM blobs";
    admin.batch_execute(fill).await.unwrap();
    commit(&store, "kept", 1).await;
    assert!(store.repositories().remove(&repository("big")).await.unwrap());
    age(&admin, "2 hours").await;
    // The last link is due too.
    assert_eq!(review_all(&store, HOUR).await, 2 * 1200 + 1);
    assert_eq!(rows(&admin).await.unpins, 1200);
}

#[tokio::test]
async fn what_was_stored_before_there_was_a_queue_is_queued() {
    let rig::Database { store, admin, .. } = rig::database().await;
    commit(&store, "a", 1).await;
    commit(&store, "a", 2).await;
    put(&store, &image("a", 1000, 1, "one")).await;
    put(&store, &manifest("a", 1001)).await;
    // As in a database without triggers.
    let old = "SET session_replication_role = replica;
        DELETE FROM repository_manifests WHERE manifest_id = 2;
        INSERT INTO blobs (digest, ipfs_cid, size) VALUES ('d', 'c', 1);
        DELETE FROM reviews;
        SET session_replication_role = origin";
    admin.batch_execute(old).await.unwrap();
    let fill = include_str!("../../../sql/migrations/0017_fill_reviews.sql");
    admin.batch_execute(fill).await.unwrap();
    let queue = "SELECT kind, repository_id, item_id FROM reviews ORDER BY kind, item_id";
    let queue = admin.query(queue, &[]).await.unwrap();
    let queue: Vec<(String, i64, i64)> =
        queue.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let expected = [("blob", 0, 3), ("link", 1, 2), ("manifest", 0, 2)];
    assert!(queue.iter().map(|(kind, at, item)| (kind.as_str(), *at, *item)).eq(expected));
}

/// An item that cannot be removed waits longer each time, and the others do not wait for it.
#[tokio::test]
async fn a_bad_item_does_not_hold_up_the_others() {
    let rig::Database { store, admin, .. } = rig::database().await;
    for n in 1..=4 {
        commit(&store, "a", n).await;
    }
    // A later version may have a table of which this one knows nothing.
    let later = "DELETE FROM repository_blobs;
        CREATE TABLE later (blob_id BIGINT REFERENCES blobs ON DELETE RESTRICT);
        INSERT INTO later SELECT id FROM blobs ORDER BY id LIMIT 1";
    admin.batch_execute(later).await.unwrap();
    age(&admin, "2 hours").await;
    for attempts in 1..=3 {
        review_all(&store, HOUR).await;
        let left = "SELECT item_id, attempts, review_from > now() - INTERVAL '1 hour' FROM reviews WHERE kind = 'blob'";
        let left = admin.query(left, &[]).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].get::<_, i64>(0), left[0].get::<_, i32>(1)), (1, attempts));
        assert!(left[0].get::<_, bool>(2), "it waits");
        age(&admin, "2 hours").await;
    }
    admin.batch_execute("DROP TABLE later").await.unwrap();
    review_all(&store, HOUR).await;
    assert_eq!(rows(&admin).await.blobs, 0);
}

async fn step(store: &Store, kind: ReviewKind) -> Reviewed {
    store.reviews().step(kind, HOUR, 100).await.unwrap()
}

/// A push has locked the link and not committed its manifest: the review skips the link.
#[tokio::test]
async fn a_review_skips_what_a_push_is_about_to_name() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let push = connect(&settings).await;
    commit(&store, "a", 1).await;
    put(&store, &manifest("a", 1000)).await;
    age(&admin, "2 hours").await;
    push.batch_execute("BEGIN; INSERT INTO manifest_blobs VALUES (1, 1, 1)").await.unwrap();
    let skipped = step(&store, ReviewKind::Link).await;
    assert_eq!((skipped.items, skipped.removed, skipped.busy), (1, 0, 1));
    push.batch_execute("COMMIT").await.unwrap();
    age(&admin, "2 hours").await;
    let looked_at = step(&store, ReviewKind::Link).await;
    assert_eq!((looked_at.items, looked_at.removed, looked_at.busy), (1, 0, 0));
    assert!(holds(&store, "a", 1).await);
}

/// A review has unlinked a blob and not committed that: a push that names the blob waits, and is told that it is missing.
#[tokio::test]
async fn a_push_that_comes_after_a_review_is_told_what_is_missing() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let collector = connect(&settings).await;
    commit(&store, "a", 1).await;
    let unlink = "BEGIN; SELECT FROM repository_blobs FOR UPDATE; DELETE FROM repository_blobs";
    collector.batch_execute(unlink).await.unwrap();
    let pushing = {
        let (store, image) = (store.clone(), image("a", 1000, 1, "one"));
        waiting(async move { store.manifests().put(&image).await.unwrap() }).await
    };
    collector.batch_execute("COMMIT").await.unwrap();
    assert_eq!(pushing.await.unwrap(), Put::Missing(vec![digest(1)]));
}

/// A push has locked the link and not committed its manifest: a client's deletion waits, and finds the reference.
#[tokio::test]
async fn a_deletion_waits_for_a_push_and_is_refused() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let push = connect(&settings).await;
    commit(&store, "a", 1).await;
    put(&store, &manifest("a", 1000)).await;
    push.batch_execute("BEGIN; INSERT INTO manifest_blobs VALUES (1, 1, 1)").await.unwrap();
    let deleting = {
        let store = store.clone();
        let delete = async move { store.blobs().unlink(&repository("a"), &digest(1)).await };
        waiting(delete).await
    };
    push.batch_execute("COMMIT").await.unwrap();
    assert_eq!(deleting.await.unwrap().unwrap(), Unlink::Referenced);
}

/// A review has removed a blob and not committed that: a push of the same bytes waits, and stores them anew.
#[tokio::test]
async fn a_push_of_a_blob_that_a_review_removes_stores_it_anew() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let collector = connect(&settings).await;
    commit(&store, "a", 1).await;
    assert_eq!(store.blobs().unlink(&repository("a"), &digest(1)).await.unwrap(), Unlink::Done);
    let remove = "BEGIN; SELECT FROM blobs FOR UPDATE; DELETE FROM blobs";
    collector.batch_execute(remove).await.unwrap();
    let pushing = {
        let store = store.clone();
        waiting(async move { commit_at(&store, "a", 1, 7).await }).await
    };
    collector.batch_execute("COMMIT").await.unwrap();
    assert_eq!(pushing.await.unwrap(), cid(7));
    assert!(holds(&store, "a", 1).await);
    age(&admin, "2 hours").await;
    assert_eq!(step(&store, ReviewKind::Blob).await.removed, 0);
    assert!(holds(&store, "a", 1).await);
}

/// A push has locked a blob without links: the review skips it.
#[tokio::test]
async fn a_review_skips_a_blob_that_a_push_has_locked() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let push = connect(&settings).await;
    commit(&store, "a", 1).await;
    assert_eq!(store.blobs().unlink(&repository("a"), &digest(1)).await.unwrap(), Unlink::Done);
    age(&admin, "2 hours").await;
    push.batch_execute("BEGIN; INSERT INTO repository_blobs VALUES (1, 1)").await.unwrap();
    let skipped = step(&store, ReviewKind::Blob).await;
    assert_eq!((skipped.items, skipped.removed, skipped.busy), (1, 0, 1));
    push.batch_execute("ROLLBACK").await.unwrap();
    age(&admin, "2 hours").await;
    assert_eq!(step(&store, ReviewKind::Blob).await.removed, 1);
}

/// What a HEAD answers, as the registry asks for it.
async fn head(store: &Store, access: &Access, n: u64) -> bool {
    let look = || async { store.blobs().head(access, &digest(n), HOUR / 2).await.unwrap() };
    match look().await {
        Some((_, true)) if !store.reviews().save(access, &digest(n)).await.unwrap() => {
            look().await.is_some()
        }
        found => found.is_some(),
    }
}

#[tokio::test]
async fn a_pusher_who_asks_for_a_blob_gives_it_a_new_window() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    store.accounts().add_user("bob", "x").await.unwrap();
    store.grants().add("bob", &"a".parse().unwrap(), Role::Pull).await.unwrap();
    let bob = store.accounts().get("bob").await.unwrap().unwrap().revision;
    let reader = Access { repository: a.clone(), grantee: Grantee::Account(bob) };
    let since = async || {
        let since = "SELECT extract(epoch FROM now() - review_from)::FLOAT8 FROM reviews WHERE kind = 'link'";
        admin.query_one(since, &[]).await.unwrap().get::<_, f64>(0)
    };
    commit(&store, "a", 1).await;
    age(&admin, "20 minutes").await;
    assert!(head(&store, &open(&a), 1).await);
    assert!(since().await > 1000.0, "its end is not near");
    age(&admin, "20 minutes").await;
    assert!(head(&store, &reader, 1).await, "a reader learns that it exists");
    assert!(since().await > 2000.0, "and changes nothing");
    assert!(head(&store, &open(&a), 1).await);
    assert!(since().await < 1000.0, "who pushes has another hour");
    // A push and a mount of what is there do the same.
    for again in ["push", "mount"] {
        age(&admin, "59 minutes").await;
        if again == "push" {
            commit(&store, "a", 1).await;
        } else {
            commit(&store, "b", 1).await;
            assert!(store.blobs().mount(&a, &digest(1), &from(&repository("b"))).await.unwrap());
        }
        age(&admin, "30 minutes").await;
        review_all(&store, HOUR).await;
        assert!(holds(&store, "a", 1).await, "{again}");
    }
}

#[tokio::test]
async fn untagged_manifests_go_where_a_policy_says_so() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    commit(&store, "a", 1).await;
    // The index names 1001, and 1002 refers to it.
    for n in [1000, 1001] {
        put(&store, &image("a", n, 1, "latest")).await;
    }
    let mut index = manifest("a", 1010);
    (index.children, index.tags) = (vec![digest(1001)], vec![tag("latest")]);
    put(&store, &index).await;
    let mut referrer = manifest("a", 1020);
    referrer.subject = Some(digest(1010).to_string());
    put(&store, &referrer).await;
    let held = async || {
        let held = "SELECT m.digest FROM repository_manifests JOIN manifests m ON m.id = manifest_id ORDER BY m.id";
        let held = admin.query(held, &[]).await.unwrap();
        held.iter().map(|row| row.get::<_, String>(0).parse().unwrap()).collect::<Vec<Digest>>()
    };
    let all = [1000, 1001, 1010, 1020].map(digest);
    age(&admin, "2 hours").await;
    review_all(&store, HOUR).await;
    assert_eq!(held().await, all, "without a policy all stay");

    // The policy is new: the job finds what the queue has forgotten.
    let rules = || rules(HOUR, Keep::For(3 * HOUR));
    let finding = FindUntagged::new(store.clone(), rules());
    let Turn::Had(run) = run_now(&finding, &store).await.unwrap() else { panic!() };
    assert_eq!(run.result.unwrap().items, 2, "1000 and the referrer");
    age(&admin, "2 hours").await;
    review(&store, rules()).await;
    assert_eq!(held().await, all, "not yet");
    age(&admin, "2 hours").await;
    review(&store, rules()).await;
    assert_eq!(held().await, [1001, 1010, 1020].map(digest));

    // Without its tag the index is kept by its referrer; without that everything goes, one after the other.
    assert!(store.tags().delete(&a, &tag("latest")).await.unwrap());
    age(&admin, "4 hours").await;
    review(&store, rules()).await;
    assert_eq!(held().await, [1001, 1010, 1020].map(digest));
    assert!(store.manifests().delete(&a, &digest(1020)).await.unwrap());
    for left in [&[1001][..], &[]] {
        age(&admin, "4 hours").await;
        review(&store, rules()).await;
        assert_eq!(held().await, left.iter().map(|n| digest(*n)).collect::<Vec<_>>());
    }
}

/// An index that is being pushed holds its children: a policy does not remove them meanwhile.
#[tokio::test]
async fn a_review_skips_a_manifest_that_an_index_is_about_to_name() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let push = connect(&settings).await;
    put(&store, &manifest("a", 1000)).await;
    age(&admin, "2 hours").await;
    let children = include_str!("../../../sql/queries/manifest/children.sql");
    let lock = format!(
        "BEGIN; PREPARE lock (TEXT, TEXT[]) AS {children}; EXECUTE lock ('a', ARRAY['{}'])",
        digest(1000)
    );
    push.batch_execute(&lock).await.unwrap();
    review(&store, rules(HOUR, Keep::For(HOUR))).await;
    assert_eq!(rows(&admin).await.held, 1);
    push.batch_execute("ROLLBACK").await.unwrap();
    age(&admin, "2 hours").await;
    review(&store, rules(HOUR, Keep::For(HOUR))).await;
    assert_eq!(rows(&admin).await.held, 0);
}

async fn bring_back(store: &Store, n: u64, only: Option<&RepositoryName>) -> Vec<Vec<String>> {
    let digest = digest(n);
    let restored = Box::pin(undelete(store, &digest, only, HOUR, false)).await.unwrap();
    restored
        .into_iter()
        .map(|back| {
            let (name, manifest) = (back.repository.to_string(), back.manifest.to_string());
            let mut words = vec![name, manifest];
            words.extend(back.tags.into_iter().map(|tag| format!("tag {tag}")));
            words.extend(back.kept_tags.into_iter().map(|tag| format!("kept {tag}")));
            words.extend(back.missing.into_iter().map(|digest| format!("missing {digest}")));
            words
        })
        .collect()
}

#[tokio::test]
async fn a_deleted_image_is_brought_back_with_its_tags_until_its_content_is_gone() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    for n in 1..=2 {
        commit(&store, "a", n).await;
    }
    let mut deleted = image("a", 1000, 1, "one");
    deleted.raw = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":1}},"layers":[]}}"#,
        deleted.media_type,
        digest(1)
    )
    .into();
    deleted.tags.extend(["two", "three"].map(tag));
    put(&store, &deleted).await;
    put(&store, &image("a", 1001, 2, "other")).await;
    assert!(bring_back(&store, 1000, None).await.is_empty(), "nothing was deleted");
    assert!(store.tags().delete(&a, &tag("three")).await.unwrap());
    assert!(store.manifests().delete(&a, &digest(1000)).await.unwrap());
    put(&store, &image("a", 1001, 2, "two")).await;
    age(&admin, "30 minutes").await;
    review_all(&store, HOUR).await;
    let elsewhere = repository("b");
    assert!(bring_back(&store, 1000, Some(&elsewhere)).await.is_empty());
    let back = bring_back(&store, 1000, Some(&a)).await;
    assert_eq!(back, [["a", "true", "tag one", "kept two"]]);
    assert_eq!(tagged(&store, "a", "one").await, Some(digest(1000)));
    assert_eq!(tagged(&store, "a", "two").await, Some(digest(1001)));
    assert_eq!(tagged(&store, "a", "three").await, None, "it was deleted by itself");
    age(&admin, "2 hours").await;
    review_all(&store, HOUR).await;
    assert!(holds(&store, "a", 1).await, "the image names its blob again");

    // The repository goes too, and its links with it.
    assert!(store.repositories().remove(&a).await.unwrap());
    assert_eq!(bring_back(&store, 1000, None).await, [["a", "true", "tag one"]]);
    assert!(holds(&store, "a", 1).await && !holds(&store, "a", 2).await);
    assert_eq!(bring_back(&store, 2, None).await, [["a", "false"]], "a blob by itself");
    assert!(holds(&store, "a", 2).await);
    assert!(store.manifests().delete(&a, &digest(1000)).await.unwrap());
    age(&admin, "2 hours").await;
    review_all(&store, HOUR).await;
    assert!(bring_back(&store, 1000, None).await.is_empty(), "too late");
}

#[tokio::test]
async fn what_has_ended_is_forgotten() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let ended = "INSERT INTO repositories (name) VALUES ('a');
        INSERT INTO accounts (name, secret_hash) VALUES ('ann', '');
        INSERT INTO recent_pushes VALUES (1, 'ann', now() - INTERVAL '2 days'), (1, 'bob', now());
        INSERT INTO refresh_tokens (id, account_id, revision, service, client_id, secret_hash, used_at)
            SELECT gen_random_uuid(), 1, 1, 'here', 'docker', '', now() - n * INTERVAL '40 minutes' FROM generate_series(0, 2) n;
        INSERT INTO signing_keys VALUES ('old', '', '', now(), now(), now() - INTERVAL '2 days'),
            ('retired', '', '', now(), now(), now()), ('new', '', '', now(), now(), NULL);
        INSERT INTO acme_challenges VALUES ('old', '', now()), ('new', '', now() + INTERVAL '1 hour');
        INSERT INTO certificates (directory, names, failures, retry_at, renew_at) VALUES
            ('old', '', 0, now() - INTERVAL '2 years', now() - INTERVAL '2 years'),
            ('new', '', 0, now() - INTERVAL '2 years', now());
        INSERT INTO jobs (name, next_run_at) VALUES ('old', now() - INTERVAL '2 years'), ('new', now())";
    admin.batch_execute(ended).await.unwrap();
    let job = ForgetExpired::new(store.clone(), HOUR);
    let Turn::Had(run) = run_now(&job, &store).await.unwrap() else { panic!() };
    assert_eq!(run.result.unwrap().items, 6);
    for (table, left) in [
        ("recent_pushes", 1),
        ("refresh_tokens", 2),
        ("signing_keys", 2),
        ("acme_challenges", 1),
        ("certificates", 1),
        // The second is the job itself.
        ("jobs", 2),
    ] {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(admin.query_one(&count, &[]).await.unwrap().get::<_, i64>(0), left, "{table}");
    }
}

/// Something that a client or a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Finish,
    Head,
    Mount,
    Put,
    PutAgain,
    DeleteTag,
    DeleteManifest,
    Review,
    Judge,
}

impl Act {
    const ALL: [Self; 9] = [
        Self::Finish,
        Self::Head,
        Self::Mount,
        Self::Put,
        Self::PutAgain,
        Self::DeleteTag,
        Self::DeleteManifest,
        Self::Review,
        Self::Judge,
    ];

    /// Does it, and tells whether it promised that the blob 1 stays in `a`.
    async fn run(self, store: &Store) -> bool {
        let a = repository("a");
        match self {
            Self::Finish => {
                commit(store, "a", 1).await;
                true
            }
            Self::Head => head(store, &open(&a), 1).await,
            Self::Mount => store.blobs().mount(&a, &digest(1), &anywhere()).await.unwrap(),
            Self::Put => {
                let put = store.manifests().put(&image("a", 1001, 1, "latest")).await.unwrap();
                put == Put::Done
            }
            Self::PutAgain => {
                let put = store.manifests().put(&image("a", 1000, 2, "latest")).await.unwrap();
                assert_eq!(put, Put::Done);
                false
            }
            Self::DeleteTag => {
                store.tags().delete(&a, &tag("latest")).await.unwrap();
                false
            }
            Self::DeleteManifest => {
                store.manifests().delete(&a, &digest(1000)).await.unwrap();
                false
            }
            Self::Review => {
                step(store, ReviewKind::Link).await;
                false
            }
            Self::Judge => {
                let judge = |facts: &TaggedFacts| judge(&rules(HOUR, Keep::For(HOUR)), facts);
                store.reviews().judge(HOUR, 100, judge).await.unwrap();
                false
            }
        }
    }
}

/// The first transaction that writes to one of these tables waits before its commit for an advisory lock.
const BARRIER: &str = "
    CREATE SEQUENCE turns;
    CREATE FUNCTION wait() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('turns') = 1 THEN PERFORM pg_advisory_xact_lock(42); END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT OR UPDATE OR DELETE ON reviews
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()";

/// Blob 1 is in `a`, long forgotten, and in `b`. The image 1000 of blob 2 is in `a`. An hour has passed.
async fn set_up(store: &Store, admin: &Client) {
    let clear = "TRUNCATE reviews, deletions, tags, manifest_blobs, manifest_children, repository_manifests,
            repository_blobs, manifests, blobs, unpins, jobs;
        SELECT setval('turns', 1000)";
    admin.batch_execute(clear).await.unwrap();
    commit(store, "a", 1).await;
    commit(store, "a", 2).await;
    put(store, &image("a", 1000, 2, "latest")).await;
    age(admin, "2 hours").await;
    commit(store, "b", 1).await;
    admin.batch_execute("SELECT setval('turns', 1, FALSE)").await.unwrap();
}

/// Waits until `done` or until so many sessions wait for a lock.
async fn settled(admin: &Client, waiters: i64, done: impl Fn() -> bool) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while !done() && admin.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < waiters {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Each act is held before its commit while each other one begins, so both orders of each pair occur.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_meets_a_review_is_kept_or_told() {
    let rig::Database { store, admin, settings } = rig::database().await;
    let barrier = connect(&settings).await;
    admin.batch_execute(BARRIER).await.unwrap();
    for first in Act::ALL {
        for second in Act::ALL {
            set_up(&store, &admin).await;
            barrier.batch_execute("SELECT pg_advisory_lock(42)").await.unwrap();
            let spawn = |act: Act| {
                let store = store.clone();
                tokio::spawn(async move { act.run(&store).await })
            };
            let one = spawn(first);
            settled(&admin, 1, || one.is_finished()).await;
            let waiters = if one.is_finished() { 1 } else { 2 };
            let two = spawn(second);
            settled(&admin, waiters, || two.is_finished()).await;
            barrier.batch_execute("SELECT pg_advisory_unlock(42)").await.unwrap();
            let promised = one.await.unwrap() | two.await.unwrap();
            whole(&store, &admin, promised, &format!("{first:?} before {second:?}")).await;
        }
    }
    assert_no_deadlock(&admin).await;
}

/// Checks that what was promised is there, that no manifest lacks a blob, and that whatever nothing names is in the queue.
async fn whole(store: &Store, admin: &Client, promised: bool, pair: &str) {
    if promised {
        assert!(holds(store, "a", 1).await, "{pair}: a promise was broken");
    }
    for (n, blob) in [(1000, 2), (1001, 1)] {
        let access = open(&repository("a"));
        let reference = reference(digest(n).as_str());
        if store.manifests().head(&access, &reference).await.unwrap().is_some() {
            assert!(holds(store, "a", blob).await, "{pair}: {n} lacks its blob");
        }
    }
    let forgotten = "
        SELECT 'link ' || rb.blob_id FROM repository_blobs rb
        WHERE NOT EXISTS (SELECT FROM manifest_blobs mb
                WHERE mb.repository_id = rb.repository_id AND mb.blob_id = rb.blob_id)
            AND NOT EXISTS (SELECT FROM reviews q
                WHERE q.kind = 'link' AND q.repository_id = rb.repository_id AND q.item_id = rb.blob_id)
        UNION ALL SELECT 'blob ' || b.id FROM blobs b
        WHERE NOT EXISTS (SELECT FROM repository_blobs rb WHERE rb.blob_id = b.id)
            AND NOT EXISTS (SELECT FROM reviews q WHERE q.kind = 'blob' AND q.item_id = b.id)
        UNION ALL SELECT 'manifest ' || m.id FROM manifests m
        WHERE NOT EXISTS (SELECT FROM repository_manifests rm WHERE rm.manifest_id = m.id)
            AND NOT EXISTS (SELECT FROM reviews q WHERE q.kind = 'manifest' AND q.item_id = m.id)
        UNION ALL SELECT 'untagged ' || rm.manifest_id FROM repository_manifests rm
        WHERE NOT EXISTS (SELECT FROM tags t
                WHERE t.repository_id = rm.repository_id AND t.manifest_id = rm.manifest_id)
            AND NOT EXISTS (SELECT FROM reviews q
                WHERE q.kind = 'untagged' AND q.repository_id = rm.repository_id AND q.item_id = rm.manifest_id)";
    let forgotten = admin.query(forgotten, &[]).await.unwrap();
    let forgotten: Vec<String> = forgotten.iter().map(|row| row.get(0)).collect();
    assert!(
        forgotten.is_empty(),
        "{pair}: nothing names these, and they are not in the queue: {forgotten:?}"
    );
}
