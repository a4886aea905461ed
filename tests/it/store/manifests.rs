//! Storing, finding and deleting manifests and tags.

use af_registry::oci::Digest;
use af_registry::store::{ManifestHead, Put, StoredManifest};
use bytes::Bytes;
use serde_json::json;

use super::{assert_no_deadlock, commit, digest, manifest, open, put, reference, repository, tag};
use crate::rig;

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte_by_tag_and_by_digest() {
    let store = rig::database().await.store;
    let a = repository("a");
    let mut new = manifest("a", 1000);
    new.raw = Bytes::from("{ \"n\" : 1000,\n\"n\":1000 }");
    new.tags = vec![tag("v1"), tag("latest"), tag("v1")];
    put(&store, &new).await;
    let stored = StoredManifest {
        digest: digest(1000),
        media_type: new.media_type.clone(),
        raw: new.raw.clone(),
    };
    let head = ManifestHead {
        digest: digest(1000),
        media_type: new.media_type.clone(),
        size: new.raw.len() as u64,
    };
    for name in ["v1", "latest", digest(1000).as_str()] {
        let name = reference(name);
        assert_eq!(
            store.manifests().get(&open(&a), &name, None).await.unwrap(),
            Some(stored.clone()),
            "{name}"
        );
        assert_eq!(
            store.manifests().head(&open(&a), &name).await.unwrap(),
            Some(head.clone()),
            "{name}"
        );
        assert_eq!(
            store.manifests().get(&open(&repository("b")), &name, None).await.unwrap(),
            None,
            "{name}"
        );
        assert_eq!(
            store.manifests().head(&open(&repository("b")), &name).await.unwrap(),
            None,
            "{name}"
        );
    }
    assert_eq!(store.manifests().get(&open(&a), &reference("v2"), None).await.unwrap(), None);
    // Another repository holds the same bytes only after they are pushed to it.
    let mut again = manifest("b", 1000);
    again.raw = new.raw.clone();
    put(&store, &again).await;
    put(&store, &again).await;
    let by_digest = reference(digest(1000).as_str());
    assert_eq!(
        store.manifests().get(&open(&repository("b")), &by_digest, None).await.unwrap(),
        Some(stored)
    );
    assert_eq!(
        store.manifests().get(&open(&repository("b")), &reference("v1"), None).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_manifest_of_four_mebibytes_fits() {
    let store = rig::database().await.store;
    let mut new = manifest("a", 1000);
    let noise: String =
        (0_u32..1 << 19).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
    new.raw = json!({ "x": noise }).to_string().into();
    put(&store, &new).await;
    let name = reference(digest(1000).as_str());
    assert_eq!(
        store.manifests().get(&open(&repository("a")), &name, None).await.unwrap().unwrap().raw,
        new.raw
    );
}

#[tokio::test]
async fn the_repository_must_hold_what_a_manifest_names() {
    let store = rig::database().await.store;
    commit(&store, "a", 1).await;
    commit(&store, "a", 2).await;
    commit(&store, "b", 3).await;
    put(&store, &manifest("b", 1009)).await;
    let mut image = manifest("a", 1000);
    image.blobs = vec![digest(3), digest(1), digest(4), digest(3)];
    image.loose_blobs = vec![digest(2), digest(5)];
    image.tags = vec![tag("latest")];
    assert_eq!(
        store.manifests().put(&image).await.unwrap(),
        Put::Missing(vec![digest(3), digest(4)])
    );
    assert_eq!(store.tags().page(&open(&repository("a")), 10, None).await.unwrap(), Some(vec![]));
    image.blobs = vec![digest(1)];
    put(&store, &image).await;

    let mut index = manifest("a", 1001);
    index.children = vec![digest(1000), digest(2), digest(1009), digest(1000)];
    assert_eq!(store.manifests().put(&index).await.unwrap(), Put::Missing(vec![digest(1009)]));
    index.allow_sparse = true;
    put(&store, &index).await;
    let name = reference(digest(1001).as_str());
    assert!(store.manifests().get(&open(&repository("a")), &name, None).await.unwrap().is_some());
}

#[tokio::test]
async fn each_repository_serves_the_types_that_its_own_pusher_said() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let typed = |name: &str, media_type: &str| {
        let mut new = manifest(name, 1000);
        new.media_type = media_type.to_owned();
        new.subject = Some(digest(1).to_string());
        new.artifact_type = Some(format!("{media_type}/artifact"));
        new.tags = vec![tag("v1")];
        new
    };
    let served = async |name: &str| {
        let access = open(&repository(name));
        let mut types = Vec::new();
        for named in ["v1", digest(1000).as_str()].map(reference) {
            let got = store.manifests().get(&access, &named, None).await.unwrap().unwrap();
            let head = store.manifests().head(&access, &named).await.unwrap().unwrap();
            assert_eq!(got.media_type, head.media_type);
            types.push(got.media_type);
        }
        let of_type = format!("{}/artifact", types[0]);
        for wanted in [vec![], vec![of_type.clone()]] {
            let page = store.referrers().page(&access, &digest(1), &wanted, None, 9).await.unwrap();
            assert_eq!(page.entries.len(), 1, "{name} {wanted:?}");
            assert_eq!(page.entries[0].artifact_type.as_ref(), Some(&of_type));
            types.push(page.entries[0].media_type.clone());
        }
        types.dedup();
        types
    };
    put(&store, &typed("a", "x/one")).await;
    put(&store, &typed("b", "x/two")).await;
    assert_eq!(
        (served("a").await, served("b").await),
        (vec!["x/one".into()], vec!["x/two".into()])
    );
    // A repeated push moves the link of its own repository only.
    put(&store, &typed("a", "x/three")).await;
    assert_eq!(
        (served("a").await, served("b").await),
        (vec!["x/three".into()], vec!["x/two".into()])
    );
    // A link of the previous version has no type of its own: the manifest's row decides, which the first pusher wrote.
    let previous = "UPDATE repository_manifests SET content_type = NULL, artifact_type = NULL,
        referrer_type = 'x/one/artifact'";
    admin.batch_execute(previous).await.unwrap();
    assert_eq!(
        (served("a").await, served("b").await),
        (vec!["x/one".into()], vec!["x/one".into()])
    );
}

#[tokio::test]
async fn a_rejected_manifest_creates_no_repository() {
    let store = rig::database().await.store;
    let mut image = manifest("new", 1000);
    image.blobs = vec![digest(1)];
    assert_eq!(store.manifests().put(&image).await.unwrap(), Put::Missing(vec![digest(1)]));
    assert_eq!(store.tags().page(&open(&repository("new")), 10, None).await.unwrap(), None);
}

#[tokio::test]
async fn an_index_outlives_its_child_and_is_linked_to_a_later_child() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    put(&store, &manifest("a", 1000)).await;
    let mut index = manifest("a", 1001);
    (index.children, index.allow_sparse) = (vec![digest(1000), digest(1002), digest(1)], true);
    put(&store, &index).await;
    assert!(store.manifests().delete(&a, &digest(1000)).await.unwrap());
    assert!(
        store
            .manifests()
            .get(&open(&a), &reference(digest(1001).as_str()), None)
            .await
            .unwrap()
            .is_some()
    );
    put(&store, &manifest("a", 1002)).await;
    commit(&store, "a", 1).await;
    put(&store, &index).await;
    let known = "SELECT child_digest FROM manifest_children
        WHERE child_manifest_id IS NOT NULL OR child_blob_id IS NOT NULL ORDER BY child_digest";
    let known = admin.query(known, &[]).await.unwrap();
    let known: Vec<String> = known.iter().map(|row| row.get(0)).collect();
    assert_eq!(known, [digest(1).to_string(), digest(1002).to_string()]);
}

#[tokio::test]
async fn json_that_jsonb_cannot_hold_is_left_out() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let mut new = manifest("a", 1000);
    new.raw = json!({ "a": ["\0"] }).to_string().into();
    new.annotations = Some([("\0".to_owned(), String::new())].into());
    new.artifact_type = Some("a\0b".into());
    put(&store, &new).await;
    let row = admin
        .query_one("SELECT data IS NULL AND annotations IS NULL FROM manifests", &[])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn deleting_a_tag_keeps_the_manifest_and_deleting_the_manifest_takes_its_tags() {
    let store = rig::database().await.store;
    let a = repository("a");
    for (name, n, tags) in
        [("a", 1000, ["v1", "v2"]), ("b", 1000, ["v1", "v3"]), ("a", 1001, ["x", "y"])]
    {
        let mut new = manifest(name, n);
        new.tags = tags.map(tag).to_vec();
        put(&store, &new).await;
    }
    assert!(store.tags().delete(&a, &tag("v1")).await.unwrap());
    assert!(!store.tags().delete(&a, &tag("v1")).await.unwrap());
    assert!(!store.tags().delete(&a, &tag("v3")).await.unwrap());
    assert!(
        store
            .manifests()
            .get(&open(&a), &reference(digest(1000).as_str()), None)
            .await
            .unwrap()
            .is_some()
    );
    assert!(store.manifests().delete(&a, &digest(1000)).await.unwrap());
    assert!(!store.manifests().delete(&a, &digest(1000)).await.unwrap());
    assert_eq!(store.tags().page(&open(&a), 10, None).await.unwrap().unwrap(), ["x", "y"]);
    assert_eq!(
        store.tags().page(&open(&repository("b")), 10, None).await.unwrap().unwrap(),
        ["v1", "v3"]
    );
    assert!(
        store
            .manifests()
            .get(&open(&repository("b")), &reference("v3"), None)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_pushes_wins_a_tag_and_readers_see_only_complete_moves() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let moves: Vec<_> = (0..64)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut new = manifest("a", 1000 + n);
                new.tags = vec![tag("latest")];
                put(&store, &new).await;
            })
        })
        .collect();
    let (a, latest) = (repository("a"), reference("latest"));
    while moves.iter().any(|one| !one.is_finished()) {
        if let Some(seen) = store.manifests().get(&open(&a), &latest, None).await.unwrap() {
            let n = u64::from_be_bytes(seen.digest.hash()[..8].try_into().unwrap());
            assert_eq!(seen.raw, format!("{{\"n\":{n}}}"));
        }
    }
    for one in moves {
        one.await.unwrap();
    }
    let rows =
        "SELECT t.manifest_digest, m.digest FROM tags t JOIN manifests m ON m.id = t.manifest_id";
    let row = admin.query_one(rows, &[]).await.unwrap();
    let (named, pointed): (String, String) = (row.get(0), row.get(1));
    assert_eq!(named, pointed);
    assert_eq!(
        store.manifests().head(&open(&a), &latest).await.unwrap().unwrap().digest.as_str(),
        named
    );
    assert_no_deadlock(&admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_manifest_can_be_pushed_concurrently_under_many_tags() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let puts: Vec<_> = (0..32)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut new = manifest("a", 1000);
                new.tags = vec![tag(&format!("t{n}"))];
                put(&store, &new).await;
            })
        })
        .collect();
    for one in puts {
        one.await.unwrap();
    }
    assert_eq!(
        store.tags().page(&open(&repository("a")), 100, None).await.unwrap().unwrap().len(),
        32
    );
    assert_no_deadlock(&admin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_during_a_push_leaves_the_manifest_complete_or_removed() {
    let rig::Database { store, admin, .. } = rig::database().await;
    let a = repository("a");
    commit(&store, "a", 1).await;
    for round in 0..60 {
        let mut new = manifest("a", 1000);
        (new.blobs, new.tags) = (vec![digest(1)], vec![tag("v1"), tag("v2")]);
        put(&store, &new).await;
        new.tags = vec![tag("v2"), tag("v3")];
        let gone: Digest = digest(1000);
        let (deleted, stored) =
            tokio::join!(store.manifests().delete(&a, &gone), store.manifests().put(&new));
        assert!(deleted.unwrap());
        assert_eq!(stored.unwrap(), Put::Done);
        let tags = store.tags().page(&open(&a), 10, None).await.unwrap().unwrap();
        let named = "SELECT count(*) FROM manifest_blobs";
        let named: i64 = admin.query_one(named, &[]).await.unwrap().get(0);
        match tags.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => assert_eq!(named, 0, "{round}"),
            ["v2", "v3"] => assert_eq!(named, 1, "{round}"),
            ref other => panic!("{round}: {other:?}"),
        }
    }
    assert_no_deadlock(&admin).await;
}
