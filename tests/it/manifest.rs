//! Pushing, pulling and deleting manifests and tags.

use af_registry::oci::Algorithm;
use af_registry::stream::hashing::{digest, sha256};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::rig::client::{Client, OCI_INDEX, OCI_MANIFEST, chunked, image, random, request};
use crate::rig::server::{builder, server};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte() {
    let server = server().await;
    let client = server.client();
    let config = client.push_blob("exact", &Bytes::from_static(b"{}")).await;
    // Odd spacing, unknown fields, escapes and a NUL that JSONB cannot hold.
    let text = format!(
        "{{ \"schemaVersion\" : 2,\n\t\"x-unknown\": [1.50, \"\\u0000\\u00e4\"], \"mediaType\":\"{OCI_MANIFEST}\",\"config\":{{\"mediaType\":\"a/b\",\"digest\":\"{config}\",\"size\":2}},\"layers\":[] }}\n"
    );
    let manifest = Bytes::from(text);
    let named = sha256(&manifest);
    let answer =
        client.push_manifest("exact", "v1", OCI_MANIFEST, manifest.clone()).await.expect(201);
    assert_eq!(answer.header("location"), format!("/v2/exact/manifests/{named}"));
    assert_eq!(answer.header("docker-content-digest"), named.as_str());
    for reference in ["v1", named.as_str()] {
        let path = format!("/v2/exact/manifests/{reference}");
        let got = client.get(&path).await.expect(200);
        assert_eq!(got.body, manifest);
        for answer in [got, client.head(&path).await.expect(200)] {
            assert_eq!(answer.header("content-type"), OCI_MANIFEST);
            assert_eq!(answer.header("content-length"), manifest.len().to_string());
            assert_eq!(answer.header("docker-content-digest"), named.as_str());
            assert_eq!(answer.header("etag"), format!("\"{named}\""));
        }
        let etag = format!("\"{named}\"");
        client.get_with(&path, &[("if-none-match", &etag)]).await.expect(304);
    }
    client.push_manifest("exact", "v1", OCI_MANIFEST, manifest).await.expect(201);
}

#[tokio::test]
async fn every_known_type_is_served_as_it_was_pushed() {
    let server = server().await;
    let client = server.client();
    let config = client.push_blob("types", &Bytes::from_static(b"{}")).await;
    let mut children = Vec::new();
    for media_type in [OCI_MANIFEST, DOCKER_MANIFEST] {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type,
            "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "digest": config.as_str(), "size": 2 },
            "layers": [],
        });
        let bytes = Bytes::from(manifest.to_string());
        children.push(json!({ "mediaType": media_type, "digest": sha256(&bytes).as_str(), "size": bytes.len() }));
        client.push_manifest("types", sha256(&bytes).as_str(), media_type, bytes).await.expect(201);
    }
    for media_type in [OCI_INDEX, DOCKER_LIST] {
        let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": children });
        client.push_manifest("types", "multi", media_type, index.to_string()).await.expect(201);
        let got = client.get("/v2/types/manifests/multi").await.expect(200);
        assert_eq!(got.header("content-type"), media_type);
        // Without a Content-Type, `mediaType` of the body decides.
        let path = "/v2/types/manifests/bare";
        client.send(request("PUT", path, &[], chunked(index.to_string(), 50))).await.expect(201);
        assert_eq!(client.head(path).await.expect(200).header("content-type"), media_type);
    }
}

#[tokio::test]
async fn nobody_decides_the_type_of_a_manifest_for_another_repository() {
    let server = server().await;
    let client = server.client();
    let mut untyped = Bytes::new();
    for name in ["first", "second"] {
        let config = client.push_blob(name, &Bytes::from_static(b"{}")).await;
        let mut image: Value = serde_json::from_slice(&image(&config, 2, &[])).unwrap();
        image.as_object_mut().unwrap().remove("mediaType");
        untyped = image.to_string().into();
    }
    client.push_manifest("first", "v1", OCI_MANIFEST, untyped.clone()).await.expect(201);
    // As if it had been pushed when the registry took such a manifest as one of Docker.
    let pushed_before = "UPDATE manifests SET content_type = $1";
    server.database().admin.execute(pushed_before, &[&DOCKER_MANIFEST]).await.unwrap();
    let pushed_before = "UPDATE repository_manifests SET content_type = $1";
    server.database().admin.execute(pushed_before, &[&DOCKER_MANIFEST]).await.unwrap();
    client.push_manifest("second", "v1", OCI_MANIFEST, untyped.clone()).await.expect(201);
    let served = async |name: &str| {
        let head = client.head(&format!("/v2/{name}/manifests/v1")).await.expect(200);
        let got =
            client.get(&format!("/v2/{name}/manifests/{}", sha256(&untyped))).await.expect(200);
        assert_eq!(head.header("content-type"), got.header("content-type"));
        head.header("content-type").to_owned()
    };
    assert_eq!(
        (served("first").await, served("second").await),
        (DOCKER_MANIFEST.into(), OCI_MANIFEST.into())
    );
    client.push_manifest("first", "v1", OCI_MANIFEST, untyped.clone()).await.expect(201);
    assert_eq!(served("first").await, OCI_MANIFEST);
}

#[tokio::test]
async fn invalid_manifests_are_refused() {
    let server = server().await;
    let client = server.client();
    let config = client.push_blob("bad", &Bytes::from_static(b"{}")).await;
    let good: Value = serde_json::from_slice(&image(&config, 2, &[])).unwrap();
    let changed = |key: &str, value: Value| {
        let mut manifest = good.clone();
        manifest[key] = value;
        manifest.to_string()
    };
    let cases = [
        (OCI_MANIFEST, "not json".to_owned(), "MANIFEST_INVALID"),
        (OCI_MANIFEST, "{}".to_owned(), "MANIFEST_INVALID"),
        (OCI_MANIFEST, "[".repeat(100_000), "MANIFEST_INVALID"),
        (OCI_MANIFEST, changed("schemaVersion", json!(1)), "UNSUPPORTED"),
        (OCI_MANIFEST, changed("mediaType", json!(OCI_INDEX)), "MANIFEST_INVALID"),
        (OCI_MANIFEST, changed("manifests", json!([])), "MANIFEST_INVALID"),
        (OCI_INDEX, good.to_string(), "MANIFEST_INVALID"),
        // Docker's registry refuses a manifest of Docker that does not say what it is.
        (DOCKER_MANIFEST, changed("mediaType", Value::Null), "MANIFEST_INVALID"),
        (
            DOCKER_LIST,
            json!({ "schemaVersion": 2, "manifests": [] }).to_string(),
            "MANIFEST_INVALID",
        ),
        ("text/plain", good.to_string(), "MANIFEST_INVALID"),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            good.to_string(),
            "UNSUPPORTED",
        ),
        (
            OCI_MANIFEST,
            changed("layers", json!([{ "mediaType": "a/b", "digest": "sha256:1", "size": 1 }])),
            "MANIFEST_INVALID",
        ),
        (
            OCI_MANIFEST,
            changed(
                "layers",
                json!([{ "mediaType": "a/b", "digest": sha256(b"").as_str(), "size": -1 }]),
            ),
            "MANIFEST_INVALID",
        ),
    ];
    for (media_type, manifest, code) in cases {
        let shown = manifest.chars().take(200).collect::<String>();
        let answer = client.push_manifest("bad", "latest", media_type, manifest).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{shown}");
    }
    client.get("/v2/bad/manifests/latest").await.refused(404, "MANIFEST_UNKNOWN");
    let path = format!("/v2/bad/manifests/{}", sha256(b"other"));
    let put =
        request("PUT", &path, &[("content-type", OCI_MANIFEST)], chunked(good.to_string(), 9));
    client.send(put).await.refused(400, "DIGEST_INVALID");
}

#[tokio::test]
async fn the_blobs_of_an_image_must_be_in_its_repository() {
    let server = server().await;
    let client = server.client();
    let config = client.push_blob("parts", &Bytes::from_static(b"{}")).await;
    let elsewhere = client.push_blob("elsewhere", &random(40, 10)).await;
    let nowhere = sha256(b"nowhere");
    let manifest = image(&config, 2, &[(&elsewhere, 10), (&nowhere, 7)]);
    let answer = client.push_manifest("parts", "v1", OCI_MANIFEST, manifest.clone()).await;
    let errors = answer.refused(400, "MANIFEST_BLOB_UNKNOWN").json();
    let mut named: Vec<_> = errors["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["detail"]["digest"].as_str().unwrap().to_owned())
        .collect();
    named.sort();
    let mut expected = [elsewhere.to_string(), nowhere.to_string()];
    expected.sort();
    assert_eq!(named, expected);
    let foreign = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "a/b", "digest": config.as_str(), "size": 2 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest": nowhere.as_str(), "size": 7, "urls": ["https://example.org/layer"] }],
    });
    client.push_manifest("parts", "foreign", OCI_MANIFEST, foreign.to_string()).await.expect(201);
}

#[tokio::test]
async fn the_children_of_an_index_must_exist_unless_it_may_be_sparse() {
    let server = server().await;
    let sparse = builder().await.env("OPEN_REGISTRY_ALLOW_SPARSE_INDEX", "true").start().await;
    let index = |digest: &str| {
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{ "mediaType": OCI_MANIFEST, "digest": digest, "size": 2 }] }).to_string()
    };
    let client = server.client();
    let missing = index(sha256(b"no such child").as_str());
    client
        .push_manifest("idx", "v1", OCI_INDEX, missing.clone())
        .await
        .refused(400, "MANIFEST_BLOB_UNKNOWN");
    sparse.client().push_manifest("idx", "v1", OCI_INDEX, missing).await.expect(201);
    // A child may be a blob, since a build cache is an index of layers.
    let blob = client.push_blob("idx", &random(41, 20)).await;
    client.push_manifest("idx", "cache", OCI_INDEX, index(blob.as_str())).await.expect(201);
    client.delete(&format!("/v2/idx/blobs/{blob}")).await.refused(405, "UNSUPPORTED");
    let empty = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
    client.push_manifest("idx", "empty", OCI_INDEX, empty.to_string()).await.expect(201);
}

#[tokio::test]
async fn a_push_by_digest_may_carry_tags() {
    let server = server().await;
    let client = server.client();
    let config = client.push_blob("tagged", &Bytes::from_static(b"{}")).await;
    let manifest = image(&config, 2, &[]);
    let named = digest(Algorithm::Sha512, &manifest);
    let tags: Vec<String> = (0..12).map(|i| format!("t{i}")).collect();
    let query = tags.iter().map(|tag| format!("tag={tag}")).collect::<Vec<_>>().join("&");
    let reference = format!("{named}?{query}&tag=x,y");
    let answer = client
        .push_manifest("tagged", &reference, OCI_MANIFEST, manifest.clone())
        .await
        .expect(201);
    let said: Vec<_> =
        answer.headers.get_all("oci-tag").iter().map(|v| v.to_str().unwrap()).collect();
    assert_eq!(said.len(), 14, "{said:?}");
    assert!(said.contains(&"x") && said.contains(&"y") && said.contains(&"t11"));
    let head = client.head("/v2/tagged/manifests/t3").await.expect(200);
    assert_eq!(head.header("docker-content-digest"), named.as_str());
    client
        .push_manifest("tagged", "v1?tag=v2", OCI_MANIFEST, manifest.clone())
        .await
        .refused(400, "UNSUPPORTED");
    client
        .push_manifest("tagged", &format!("{named}?tag=-"), OCI_MANIFEST, manifest)
        .await
        .refused(400, "NAME_INVALID");
}

#[tokio::test]
async fn tags_move_and_are_deleted_without_their_manifest() {
    let server = server().await;
    let client = server.client();
    let (first, _) = client.push_image("move", "latest", &random(42, 10)).await;
    let (second, _) = client.push_image("move", "latest", &random(43, 10)).await;
    let digest_of = async |reference: &str| {
        client
            .head(&format!("/v2/move/manifests/{reference}"))
            .await
            .header("docker-content-digest")
            .to_owned()
    };
    assert_eq!(digest_of("latest").await, second.as_str());
    assert_eq!(digest_of(first.as_str()).await, first.as_str());
    client.delete("/v2/move/manifests/latest").await.expect(202);
    client.delete("/v2/move/manifests/latest").await.refused(404, "MANIFEST_UNKNOWN");
    assert_eq!(digest_of(second.as_str()).await, second.as_str());
    client.push_image("move", "a", &random(43, 10)).await;
    client.delete(&format!("/v2/move/manifests/{second}")).await.expect(202);
    for gone in ["a", second.as_str()] {
        client.get(&format!("/v2/move/manifests/{gone}")).await.refused(404, "MANIFEST_UNKNOWN");
    }
    client.delete(&format!("/v2/move/manifests/{second}")).await.refused(404, "MANIFEST_UNKNOWN");
    assert_eq!(digest_of(first.as_str()).await, first.as_str());
}

#[tokio::test]
async fn a_manifest_has_at_most_4_mib() {
    let server = server().await;
    let client = server.client();
    let config = client.push_blob("large", &Bytes::from_static(b"{}")).await;
    let padded = |length: usize| {
        let mut manifest: Value = serde_json::from_slice(&image(&config, 2, &[])).unwrap();
        let bare = manifest.to_string().len() + r#","annotations":{"pad":""}"#.len();
        manifest["annotations"] = json!({ "pad": "x".repeat(length - bare) });
        let text = manifest.to_string();
        assert_eq!(text.len(), length);
        text
    };
    client.push_manifest("large", "fits", OCI_MANIFEST, padded(4 << 20)).await.expect(201);
    for length in [(4 << 20) + 1, 9 << 20] {
        client
            .push_manifest("large", "over", OCI_MANIFEST, padded(length))
            .await
            .refused(413, "SIZE_INVALID");
        let chunks = request(
            "PUT",
            "/v2/large/manifests/over",
            &[("content-type", OCI_MANIFEST)],
            chunked(padded(length), 60_000),
        );
        client.send(chunks).await.refused(413, "SIZE_INVALID");
    }
}

async fn push_artifact(
    client: Client,
    repository: &str,
    subject: &str,
    kind: &str,
    note: &str,
) -> String {
    let config = client.push_blob(repository, &Bytes::from_static(b"{}")).await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": kind,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config.as_str(), "size": 2 },
        "layers": [{ "mediaType": "application/vnd.oci.empty.v1+json", "digest": config.as_str(), "size": 2 }],
        "subject": { "mediaType": OCI_MANIFEST, "digest": subject, "size": 100 },
        "annotations": { "note": note },
    });
    let bytes = Bytes::from(manifest.to_string());
    let digest = sha256(&bytes).to_string();
    let answer = client.push_manifest(repository, &digest, OCI_MANIFEST, bytes).await.expect(201);
    assert_eq!(answer.header("oci-subject"), subject);
    digest
}

#[tokio::test]
async fn referrers_are_listed_filtered_and_paged() {
    let server = server().await;
    let client = server.client();
    let subject = sha256(b"not here yet");
    let path = format!("/v2/refs/referrers/{subject}");
    let empty = client.get(&path).await.expect(200);
    assert_eq!(empty.header("content-type"), OCI_INDEX);
    assert_eq!(empty.json()["manifests"], json!([]));
    let sbom =
        push_artifact(client, "refs", subject.as_str(), "application/sbom+json", "one").await;
    let signature =
        push_artifact(client, "refs", subject.as_str(), "application/signature", "two").await;
    let list = client.get(&path).await.expect(200).json();
    assert_eq!(list["schemaVersion"], 2);
    let mut digests: Vec<_> = list["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["digest"].as_str().unwrap())
        .collect();
    digests.sort_unstable();
    let mut expected = [sbom.as_str(), signature.as_str()];
    expected.sort_unstable();
    assert_eq!(digests, expected);
    for query in ["application/sbom+json", "application/sbom%2Bjson"] {
        let answer = client.get(&format!("{path}?artifactType={query}")).await.expect(200);
        assert_eq!(answer.header("oci-filters-applied"), "artifactType");
        let list = answer.json();
        let found = &list["manifests"].as_array().unwrap()[..];
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["digest"], sbom.as_str());
        assert_eq!(found[0]["artifactType"], "application/sbom+json");
        assert_eq!(found[0]["annotations"]["note"], "one");
    }
    let page = client.get(&format!("{path}?n=1")).await.expect(200);
    let link = page.header("link");
    let next = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")).unwrap();
    let second = client.get(next).await.expect(200).json();
    assert_eq!(second["manifests"].as_array().unwrap().len(), 1);
    assert_ne!(second["manifests"][0]["digest"], page.json()["manifests"][0]["digest"]);
    client.delete(&format!("/v2/refs/manifests/{sbom}")).await.expect(202);
    assert_eq!(client.get(&path).await.json()["manifests"].as_array().unwrap().len(), 1);
    client.get("/v2/refs/referrers/sha256:1").await.refused(400, "DIGEST_INVALID");
    assert_eq!(
        client.get(&format!("/v2/never-pushed/referrers/{subject}")).await.expect(200).json()["manifests"],
        json!([])
    );
}

#[tokio::test]
async fn a_page_of_referrers_stays_below_4_mib() {
    let server = server().await;
    let client = server.client();
    let subject = sha256(b"heavy");
    let note = "x".repeat(1_500_000);
    let mut pushed = Vec::new();
    for i in 0..4 {
        pushed.push(
            push_artifact(client, "heavy", subject.as_str(), "a/b", &format!("{i}{note}")).await,
        );
    }
    pushed.sort();
    let mut path = format!("/v2/heavy/referrers/{subject}");
    let mut found = Vec::new();
    let mut pages = 0;
    loop {
        let answer = client.get(&path).await.expect(200);
        assert!(answer.body.len() <= 4 << 20);
        found.extend(
            answer.json()["manifests"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["digest"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let link = answer.header("link");
        let Some(next) = link.strip_prefix('<').and_then(|l| l.split('>').next()) else { break };
        path = next.to_owned();
    }
    assert_eq!(found, pushed);
    assert_eq!(pages, 2);
}
