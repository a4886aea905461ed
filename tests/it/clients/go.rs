//! crane, oras and regctl: the three client libraries that most Go programs push and pull with.

use super::{pulled, stage};
use crate::rig::layout::{big, multi};

#[tokio::test]
async fn crane_pushes_and_pulls() {
    let stage = stage().await;
    for (name, layout) in [("multi", multi()), ("big", big())] {
        let remote = stage.reference(&format!("crane/{name}:1"));
        stage.run("crane", &["push", "--insecure", layout.path().to_str().unwrap(), &remote]);
        assert_eq!(stage.run("crane", &["digest", "--insecure", &remote]), layout.digest.as_str());
        let to = stage.path(name);
        stage.run("crane", &["pull", "--insecure", "--format=oci", &remote, to.to_str().unwrap()]);
        assert_eq!(pulled(&to), layout.digest.as_str());
    }
    let copy = stage.reference("crane/copy:1");
    stage.run("crane", &["copy", "--insecure", &stage.reference("crane/big:1"), &copy]);
    assert_eq!(stage.digest("crane/copy", "1").await, big().digest.as_str());
    let catalog = stage.run("crane", &["catalog", "--insecure", &stage.server.host()]);
    assert_eq!(catalog.lines().collect::<Vec<_>>(), ["crane/big", "crane/copy", "crane/multi"]);
    assert_eq!(stage.run("crane", &["ls", "--insecure", &stage.reference("crane/multi")]), "1");
}

#[tokio::test]
async fn oras_pushes_attaches_and_pulls() {
    let stage = stage().await;
    for (name, layout) in [("multi", multi()), ("big", big())] {
        let remote = stage.reference(&format!("oras/{name}:1"));
        let from = format!("{}:1", layout.path().display());
        stage.run("oras", &["cp", "--from-oci-layout", "--to-plain-http", &from, &remote]);
        assert_eq!(stage.digest(&format!("oras/{name}"), "1").await, layout.digest.as_str());
        let to = format!("{}:1", stage.path(name).display());
        stage.run("oras", &["cp", "--from-plain-http", "--to-oci-layout", &remote, &to]);
        assert_eq!(pulled(&stage.path(name)), layout.digest.as_str());
    }
    std::fs::write(stage.path("sbom.json"), "{}").unwrap();
    let subject = stage.reference("oras/multi:1");
    let attach = ["attach", "--plain-http", "--artifact-type", "application/sbom+json", &subject];
    stage.run("oras", &[&attach[..], &["sbom.json:application/json"]].concat());
    let found = stage.run("oras", &["discover", "--plain-http", "--format", "json", &subject]);
    assert!(found.contains("application/sbom+json"), "{found}");
    let path = format!("/v2/oras/multi/referrers/{}", multi().digest);
    let referrers = stage.server.client().get(&path).await.expect(200).json();
    let referrer = referrers["manifests"][0]["digest"].as_str().unwrap();
    let artifact = format!("{}@{referrer}", stage.reference("oras/multi"));
    let out = stage.path("out");
    stage.run("oras", &["pull", "--plain-http", "-o", out.to_str().unwrap(), &artifact]);
    assert_eq!(std::fs::read_to_string(out.join("sbom.json")).unwrap(), "{}");
}

#[tokio::test]
async fn regctl_pushes_in_chunks_and_pulls() {
    let stage = stage().await;
    let host = stage.server.host();
    // Everything over 4 MiB goes in chunks of 1 MiB.
    stage.run(
        "regctl",
        &["registry", "set", "--tls=disabled", "--blob-chunk=1048576", "--blob-max=4194304", &host],
    );
    for (name, layout) in [("multi", multi()), ("big", big())] {
        let remote = stage.reference(&format!("regctl/{name}:1"));
        let from = format!("ocidir://{}:1", layout.path().display());
        stage.run("regctl", &["image", "copy", &from, &remote]);
        assert_eq!(stage.run("regctl", &["image", "digest", &remote]), layout.digest.as_str());
        let to = format!("ocidir://{}:1", stage.path(name).display());
        stage.run("regctl", &["image", "copy", &remote, &to]);
        assert_eq!(pulled(&stage.path(name)), layout.digest.as_str());
    }
    std::fs::write(stage.path("note.txt"), "a note").unwrap();
    let subject = stage.reference("regctl/multi:1");
    let put = ["artifact", "put", "--artifact-type", "application/x.note", "--subject", &subject];
    stage.run("regctl", &[&put[..], &["--file", "note.txt"]].concat());
    let list = stage.run("regctl", &["artifact", "list", &subject]);
    assert!(list.contains("application/x.note"), "{list}");
}
