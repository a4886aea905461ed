//! Lists of tags, repositories and referrers, and their pages.

use af_registry::rights::Grantee;
use af_registry::store::{ReferrerPage, Store};
use serde_json::json;

use super::{digest, manifest, open, put, repository, tag};
use crate::rig;

#[tokio::test]
async fn tags_come_in_byte_order_and_pages() {
    let store = rig::database().await.store;
    let a = repository("a");
    assert_eq!(store.tags().page(&open(&a), 10, None).await.unwrap(), None);
    let mut new = manifest("a", 1000);
    new.tags = ["b", "a", "B", "_x", "1.0", "a-1", "a.1", "a_1", "A"].map(tag).to_vec();
    put(&store, &new).await;
    put(&store, &manifest("empty", 1000)).await;
    let all = ["1.0", "A", "B", "_x", "a", "a-1", "a.1", "a_1", "b"];
    let page = async |n, last| store.tags().page(&open(&a), n, last).await.unwrap().unwrap();
    assert_eq!(page(100, None).await, all);
    assert_eq!(page(9, None).await, all);
    assert_eq!(page(4, None).await, all[..4]);
    assert_eq!(page(4, Some("_x")).await, all[4..8]);
    assert_eq!(page(100, Some("C")).await, all[3..]);
    assert_eq!(page(100, Some("a\0b")).await, all[5..]);
    assert_eq!(page(100, Some("b")).await, [""; 0]);
    assert_eq!(page(0, None).await, [""; 0]);
    assert_eq!(page(u32::MAX, Some("")).await, all);
    assert_eq!(
        store.tags().page(&open(&repository("empty")), 10, None).await.unwrap(),
        Some(vec![])
    );
}

#[tokio::test]
async fn the_catalog_comes_in_byte_order_and_pages() {
    let store = rig::database().await.store;
    for name in ["b", "a/b", "a-b", "a.b", "a", "a_b", "0"] {
        put(&store, &manifest(name, 1000)).await;
    }
    let all = ["0", "a", "a-b", "a.b", "a/b", "a_b", "b"];
    assert_eq!(store.repositories().page(Grantee::Everyone, 100, None).await.unwrap(), all);
    assert_eq!(
        store.repositories().page(Grantee::Everyone, 2, Some("a")).await.unwrap(),
        all[2..4]
    );
    assert_eq!(
        store.repositories().page(Grantee::Everyone, 2, Some("a0")).await.unwrap(),
        all[5..]
    );
}

fn numbers(found: &ReferrerPage) -> Vec<u64> {
    let number = |hash: Vec<u8>| u64::from_be_bytes(hash[..8].try_into().unwrap());
    found.entries.iter().map(|referrer| number(referrer.digest.hash())).collect()
}

async fn put_referrer(store: &Store, n: u64, artifact_type: Option<&str>) {
    let mut new = manifest("a", n);
    new.subject = Some(digest(1).to_string());
    new.artifact_type = artifact_type.map(str::to_owned);
    new.annotations = Some([("n".to_owned(), n.to_string())].into());
    put(store, &new).await;
}

#[tokio::test]
async fn referrers_come_in_digest_order_by_type_and_in_pages() {
    let store = rig::database().await.store;
    let (a, subject) = (repository("a"), digest(1));
    let types = [Some("x/sig"), Some("x/sbom"), None];
    for n in (1000..1012).rev() {
        put_referrer(&store, n, types[n as usize % 3]).await;
    }
    put(&store, &manifest("a", 1020)).await;
    let find = async |types: &[&str], after: Option<&str>, limit| {
        let types: Vec<String> = types.iter().map(|text| (*text).to_owned()).collect();
        store.referrers().page(&open(&a), &subject, &types, after, limit).await.unwrap()
    };
    let all = find(&[], None, 100).await;
    assert_eq!(numbers(&all), (1000..1012).collect::<Vec<_>>());
    assert!(!all.more);
    let first = &all.entries[0];
    assert_eq!(first.artifact_type.as_deref(), Some("x/sbom"));
    assert_eq!(first.annotations, Some(json!({ "n": "1000" })));
    assert_eq!(first.size, 10);
    let page = find(&[], Some(digest(1003).as_str()), 3).await;
    assert_eq!((numbers(&page), page.more), (vec![1004, 1005, 1006], true));
    let page = find(&[], Some(digest(1008).as_str()), 3).await;
    assert_eq!((numbers(&page), page.more), (vec![1009, 1010, 1011], false));
    let page = find(&["x/sig"], None, 3).await;
    assert_eq!((numbers(&page), page.more), (vec![1002, 1005, 1008], true));
    let page = find(&["x/sig", "x/sbom", "x/sig", "x/\0"], Some(digest(1002).as_str()), 4).await;
    assert_eq!((numbers(&page), page.more), (vec![1003, 1005, 1006, 1008], true));
    assert_eq!(numbers(&find(&["x/none"], None, 3).await), [0; 0]);
    let other =
        store.referrers().page(&open(&repository("b")), &subject, &[], None, 3).await.unwrap();
    assert_eq!((numbers(&other), other.more), (vec![], false));
}

#[tokio::test]
async fn a_page_of_referrers_ends_before_four_mebibytes() {
    let store = rig::database().await.store;
    for n in 1000..1005 {
        let mut new = manifest("a", n);
        new.subject = Some(digest(1).to_string());
        new.raw = vec![b' '; if n == 1004 { 5 << 20 } else { 3 << 19 }].into();
        put(&store, &new).await;
    }
    let (a, subject) = (repository("a"), digest(1));
    let mut after: Option<String> = None;
    let mut pages = Vec::new();
    loop {
        let found =
            store.referrers().page(&open(&a), &subject, &[], after.as_deref(), 100).await.unwrap();
        pages.push(numbers(&found));
        after = found.entries.last().map(|last| last.digest.to_string());
        if !found.more {
            break;
        }
    }
    assert_eq!(pages, [vec![1000, 1001], vec![1002, 1003], vec![1004]]);
}
