//! skopeo, which copies between layouts and registries without a daemon.

use super::stand;
use crate::rig::layout::intact;
use crate::rig::program::Home;

#[tokio::test]
async fn skopeo_copies_there_and_back() {
    let (stand, home) = (stand().await, Home::new());
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
        copy(&["--preserve-digests", "--dest-tls-verify=false", &source, &remote]);
        stand.assert_holds(name, layout).await;
        let pulled = home.text(name.rsplit('/').next().unwrap());
        let target = format!("oci:{pulled}:v1");
        copy(&["--preserve-digests", "--src-tls-verify=false", &remote, &target]);
        let blobs = std::path::Path::new(&pulled).join("blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
    }
    // A layer that another repository has is mounted or found there.
    let [from, to] =
        ["skopeo/big", "skopeo/copy"].map(|r| format!("docker://{}:v1", stand.repository(r)));
    copy(&["--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", &from, &to]);
    stand.assert_holds("skopeo/copy", &stand.big).await;
    let remote = format!("docker://{}:v1", stand.repository("skopeo/big"));
    let raw = home.run("skopeo", &["inspect", "--raw", "--tls-verify=false", &remote]);
    assert_eq!(af_registry::stream::hashing::sha256(raw.as_bytes()), stand.big.root);
}
