//! Lists of tags and of repositories.

use crate::rig::client::{Client, random};
use crate::rig::server::{builder, server};
use serde_json::json;

async fn all_pages(client: Client, first: &str, key: &str) -> (Vec<String>, usize) {
    let (mut path, mut all, mut pages) = (first.to_owned(), Vec::new(), 0);
    loop {
        let answer = client.get(&path).await.expect(200);
        all.extend(
            answer.json()[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()),
        );
        pages += 1;
        assert!(pages < 100, "endless pages");
        let link = answer.header("link");
        let Some(next) = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\""))
        else {
            return (all, pages);
        };
        path = next.to_owned();
    }
}

#[tokio::test]
async fn tags_come_in_byte_order_and_in_pages() {
    let server = server().await;
    let client = server.client();
    let mut tags = ["latest", "V1", "v1", "v1.10", "v1.9", "_x", "0", "a-b", "a.b", "a_b", "Z"]
        .map(str::to_owned);
    for tag in &tags {
        client.push_image("lists/tags", tag, &random(50, 10)).await;
    }
    tags.sort_unstable();
    let path = "/v2/lists/tags/tags/list";
    let whole = client.get(path).await.expect(200);
    assert_eq!(whole.json(), json!({ "name": "lists/tags", "tags": tags }));
    assert_eq!(whole.header("link"), "");
    for (n, pages) in [(1, 11), (3, 4), (11, 1), (100, 1)] {
        assert_eq!(
            all_pages(client, &format!("{path}?n={n}"), "tags").await,
            (tags.to_vec(), pages)
        );
    }
    let answer = client.get(&format!("{path}?n=0")).await.expect(200);
    assert_eq!((answer.json()["tags"].clone(), answer.header("link")), (json!([]), ""));
    let after = client.get(&format!("{path}?last=between&n=2")).await.expect(200).json();
    assert_eq!(after["tags"], json!(["latest", "v1"]));
    for bad in ["n=-1", "n=x", "n=1.5"] {
        client.get(&format!("{path}?{bad}")).await.refused(400, "UNSUPPORTED");
    }
    client.get(&format!("{path}?n=99999999999999")).await.expect(200);
    client.get("/v2/never/tags/list").await.refused(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_page_is_never_longer_than_the_setting() {
    let server = builder().await.env("OPEN_REGISTRY_LIMIT_PAGE_SIZE", "2").start().await;
    let client = server.client();
    for name in ["c", "a", "b/x", "b"] {
        client.push_image(name, "latest", &random(51, 10)).await;
    }
    let names = ["a", "b", "b/x", "c"].map(str::to_owned).to_vec();
    assert_eq!(all_pages(client, "/v2/_catalog", "repositories").await, (names.clone(), 2));
    assert_eq!(all_pages(client, "/v2/_catalog?n=1000", "repositories").await, (names.clone(), 2));
    assert_eq!(all_pages(client, "/v2/_catalog?n=1", "repositories").await, (names, 4));
}

#[tokio::test]
async fn an_empty_registry_has_an_empty_catalog() {
    let server = server().await;
    assert_eq!(
        server.client().get("/v2/_catalog").await.expect(200).json(),
        json!({ "repositories": [] })
    );
}
