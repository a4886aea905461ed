//! skopeo, which copies between layouts and registries without a daemon.

use super::login::{Client, USER};
use super::{Stand, guarded_stand, stand};
use crate::rig::layout::intact;
use crate::rig::program::{Home, find};

#[tokio::test]
async fn skopeo_copies_there_and_back() {
    copies(&*stand().await, &Home::new()).await;
}

#[tokio::test]
async fn skopeo_copies_by_tls_and_login() {
    let (stand, home) = (guarded_stand().await, Home::new());
    let run = |arguments: &[&str], input: &str| home.attempt(find("skopeo"), arguments, input);
    let (host, file) = (stand.host(), format!("--authfile={}", home.text("auth.json")));
    let source = format!("oci:{}", stand.multi.tagged());
    let copy = |arguments: &[&str]| {
        run(&[&["--insecure-policy", "copy", "--quiet", "--all"], arguments].concat(), "")
    };
    let remote = |repository: &str| format!("docker://{}:v1", stand.repository(repository));
    let [to, from, plain] = ["dest-", "src-", ""].map(|side| access(&stand, &home, side));
    let client = Client {
        name: "skopeo",
        suffix: "",
        login: &|password| {
            run(
                &["login", &plain[0], &file, "--username", USER, "--password-stdin", &host],
                password,
            )
        },
        logout: &|| run(&["logout", &file, &host], ""),
        push: &|repository| copy(&[&to[0], &to[1], &source, &remote(repository)]),
        pull: &|repository| {
            copy(&[
                &from[0],
                &from[1],
                &remote(repository),
                &format!("oci:{}:v1", home.text(&repository.replace('/', "-"))),
            ])
        },
    };
    stand.guard(client, copies(&stand, &home)).await;
}

/// The arguments that say how to reach the registry as source, destination or alone, and who asks.
fn access(stand: &Stand, home: &Home, side: &str) -> [String; 2] {
    let reach = match &stand.authority {
        None => format!("--{side}tls-verify=false"),
        Some(authority) => format!("--{side}cert-dir={}", authority.trusted()),
    };
    [reach, format!("--authfile={}", home.text("auth.json"))]
}

async fn copies(stand: &Stand, home: &Home) {
    let [from, to, alone] = ["src-", "dest-", ""].map(|side| access(stand, home, side));
    let copy = |arguments: &[&str]| {
        home.run(
            "skopeo",
            &[&["--insecure-policy", "copy", "--quiet", "--all"], arguments].concat(),
        )
    };
    for (name, layout) in [("skopeo/multi", &stand.multi), ("skopeo/big", &stand.big)] {
        let source = format!("oci:{}", layout.tagged());
        let remote = format!("docker://{}:v1", stand.repository(name));
        // It would compress the layers otherwise, and so change every digest.
        copy(&["--preserve-digests", &to[0], &to[1], &source, &remote]);
        stand.assert_holds(name, layout).await;
        let pulled = home.text(name.rsplit('/').next().unwrap());
        let target = format!("oci:{pulled}:v1");
        copy(&["--preserve-digests", &from[0], &from[1], &remote, &target]);
        let blobs = std::path::Path::new(&pulled).join("blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
    }
    // A layer that another repository has is mounted or found there.
    let [one, other] =
        ["skopeo/big", "skopeo/copy"].map(|r| format!("docker://{}:v1", stand.repository(r)));
    copy(&["--preserve-digests", &from[0], &to[0], &to[1], &one, &other]);
    stand.assert_holds("skopeo/copy", &stand.big).await;
    let remote = format!("docker://{}:v1", stand.repository("skopeo/big"));
    let raw = home.run("skopeo", &["inspect", "--raw", &alone[0], &alone[1], &remote]);
    assert_eq!(af_registry::stream::hashing::sha256(raw.as_bytes()), stand.big.root);
}
