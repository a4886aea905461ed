//! skopeo: PATCH with a length or without, both directions, every platform of an index.

use super::{pulled, stage};
use crate::rig::layout::{big, multi};

#[tokio::test]
async fn skopeo_copies_in_and_out() {
    let stage = stage().await;
    for (name, layout) in [("multi", multi()), ("big", big())] {
        let remote = format!("docker://{}:1", stage.reference(&format!("skopeo/{name}")));
        let from = format!("oci:{}:1", layout.path().display());
        let to = format!("oci:{}:1", stage.path(name).display());
        let copy = ["--insecure-policy", "copy", "--all", "--preserve-digests"];
        stage.run("skopeo", &[&copy[..], &["--dest-tls-verify=false", &from, &remote]].concat());
        assert_eq!(stage.digest(&format!("skopeo/{name}"), "1").await, layout.digest.as_str());
        stage.run("skopeo", &[&copy[..], &["--src-tls-verify=false", &remote, &to]].concat());
        assert_eq!(pulled(&stage.path(name)), layout.digest.as_str());
    }
    let remote = format!("docker://{}:1", stage.reference("skopeo/multi"));
    let tags =
        stage.run("skopeo", &["list-tags", "--tls-verify=false", remote.trim_end_matches(":1")]);
    assert!(tags.contains("\"1\""), "{tags}");
    stage.run("skopeo", &["delete", "--tls-verify=false", &remote]);
    stage.server.client().get("/v2/skopeo/multi/manifests/1").await.expect(404);
}
