//! oras, for images, artifacts and what refers to them.

use serde_json::Value;

use super::login::{Client, USER};
use super::{Stand, digest_in, guarded_stand, stand};
use crate::rig::client::random;
use crate::rig::layout::intact;
use crate::rig::program::{Home, find};

#[tokio::test]
async fn oras_copies_images_there_and_back() {
    copies(&*stand().await, &Home::new()).await;
}

#[tokio::test]
async fn oras_attaches_finds_and_pulls_artifacts() {
    artifacts(&*stand().await, &Home::new()).await;
}

#[tokio::test]
async fn oras_works_by_tls_and_login() {
    let (stand, home) = (guarded_stand().await, Home::new());
    let [reach, from, to] = ways(&stand);
    let run = |arguments: &[&str], input: &str| home.attempt(find("oras"), arguments, input);
    let remote = |repository: &str| format!("{}:v1", stand.repository(repository));
    let (source, host) = (stand.multi.tagged(), stand.host());
    let client = Client {
        name: "oras",
        suffix: "",
        login: &|password| {
            run(&["login", &reach, &host, "--username", USER, "--password-stdin"], password)
        },
        logout: &|| run(&["logout", &host], ""),
        push: &|repository| {
            run(&["cp", "--from-oci-layout", &source, &to, &remote(repository)], "")
        },
        pull: &|repository| {
            let target = format!("{}:v1", home.text(repository));
            run(&["cp", &from, &remote(repository), "--to-oci-layout", &target], "")
        },
    };
    let work = async {
        copies(&stand, &home).await;
        artifacts(&stand, &home).await;
    };
    stand.guard(client, work).await;
}

/// How the registry is reached alone, as a source, and as a destination.
fn ways(stand: &Stand) -> [String; 3] {
    ["", "from-", "to-"]
        .map(|side| stand.transport(&format!("--{side}plain-http"), &format!("--{side}ca-file")))
}

async fn copies(stand: &Stand, home: &Home) {
    let [_, from, to] = ways(stand);
    for (name, layout) in [("oras/multi", &stand.multi), ("oras/big", &stand.big)] {
        let remote = format!("{}:v1", stand.repository(name));
        let local = layout.tagged();
        home.run("oras", &["cp", "--from-oci-layout", &local, &to, &remote]);
        stand.assert_holds(name, layout).await;
        let pulled = home.text(name.rsplit('/').next().unwrap());
        let target = format!("{pulled}:v1");
        home.run("oras", &["cp", &from, &remote, "--to-oci-layout", &target]);
        let blobs = std::path::Path::new(&pulled).join("blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
    }
}

async fn artifacts(stand: &Stand, home: &Home) {
    let [reach, from, to] = ways(stand);
    let remote = format!("{}:v1", stand.repository("oras/artifact"));
    for (name, seed) in [("model.bin", 11), ("signature.bin", 12)] {
        std::fs::write(home.path(name), random(seed, 100_000)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &[&reach, "--format", "json"]].concat();
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
    home.run("oras", &["cp", "-r", &from, &to, &remote, &copy]);
    assert_eq!(
        stand.referrers("oras/artifact-copy", &subject).await,
        std::slice::from_ref(&referrer)
    );
    home.run("oras", &["cp", "-r", &from, "--to-oci-layout", &copy, "layout:v1"]);
    for digest in [&subject, &referrer] {
        intact(&home.path("layout/blobs"), digest);
    }
}
