//! oras, for images, artifacts and what refers to them.

use serde_json::Value;

use super::{digest_in, stand};
use crate::rig::client::random;
use crate::rig::layout::intact;
use crate::rig::program::Home;

#[tokio::test]
async fn oras_copies_images_there_and_back() {
    let (stand, home) = (stand().await, Home::new());
    for (name, layout) in [("oras/multi", &stand.multi), ("oras/big", &stand.big)] {
        let remote = format!("{}:v1", stand.repository(name));
        let local = layout.tagged();
        home.run("oras", &["cp", "--from-oci-layout", &local, "--to-plain-http", &remote]);
        stand.assert_holds(name, layout).await;
        let pulled = home.text(name.rsplit('/').next().unwrap());
        let target = format!("{pulled}:v1");
        home.run("oras", &["cp", "--from-plain-http", &remote, "--to-oci-layout", &target]);
        let blobs = std::path::Path::new(&pulled).join("blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
    }
}

#[tokio::test]
async fn oras_attaches_finds_and_pulls_artifacts() {
    let (stand, home) = (stand().await, Home::new());
    let remote = format!("{}:v1", stand.repository("oras/artifact"));
    for (name, seed) in [("model.bin", 11), ("signature.bin", 12)] {
        std::fs::write(home.path(name), random(seed, 100_000)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--plain-http", "--format", "json"]].concat();
        serde_json::from_str::<Value>(&home.run("oras", &arguments)).unwrap()
    };
    let digest = |answer: &Value, field: &str| digest_in(answer[field].as_str().unwrap());

    let model = "application/vnd.example.model";
    let pushed = run(&["push", "--artifact-type", model, &remote, "model.bin"]);
    let subject = digest(&pushed, "digest");
    assert_eq!(stand.digest("oras/artifact", "v1").await, subject);

    let signature = "application/vnd.example.signature";
    let attached = run(&["attach", "--artifact-type", signature, &remote, "signature.bin"]);
    let referrer = digest(&attached, "digest");
    assert_eq!(stand.referrers("oras/artifact", &subject).await, std::slice::from_ref(&referrer));

    let found = run(&["discover", "--artifact-type", signature, &remote]);
    assert_eq!(digest(&found["referrers"][0], "digest"), referrer);
    assert_eq!(found["referrers"][0]["artifactType"], signature);

    let by_digest = format!("{}@{referrer}", stand.repository("oras/artifact"));
    for (reference, name) in [(&remote, "model.bin"), (&by_digest, "signature.bin")] {
        run(&["pull", "--output", "pulled", reference]);
        let pulled = std::fs::read(home.path("pulled").join(name)).unwrap();
        assert!(pulled == std::fs::read(home.path(name)).unwrap(), "{name} changed");
    }
    // With all that refers to it, to another repository, and from there to a directory.
    let copy = format!("{}:v1", stand.repository("oras/artifact-copy"));
    home.run("oras", &["cp", "-r", "--from-plain-http", "--to-plain-http", &remote, &copy]);
    assert_eq!(
        stand.referrers("oras/artifact-copy", &subject).await,
        std::slice::from_ref(&referrer)
    );
    home.run("oras", &["cp", "-r", "--from-plain-http", "--to-oci-layout", &copy, "layout:v1"]);
    for digest in [&subject, &referrer] {
        intact(&home.path("layout/blobs"), digest);
    }
}
