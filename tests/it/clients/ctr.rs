//! containerd and its `ctr`: no ping, and a blob in one PUT.

use super::{engine_allowed, stand};
use crate::rig::daemon::containerd;
use crate::rig::layout::intact;
use crate::rig::program::{Home, complete};

#[tokio::test]
async fn containerd_pushes_and_pulls() {
    if !engine_allowed("containerd") {
        return;
    }
    let (stand, home) = (stand().await, Home::new());
    let (_daemon, address) = containerd(&home);
    let ctr = |arguments: &[&str]| {
        home.run("ctr", &[&["--address", &address, "--namespace", "test"], arguments].concat())
    };
    for (name, layout) in [("ctr/multi", &stand.multi), ("ctr/big", &stand.big)] {
        let (repository, archive) = (stand.repository(name), home.text("archive.tar"));
        let remote = format!("{repository}:v1");
        let mut tar = home.command("tar");
        complete(tar.args(["--create", "--file", &archive, "--directory", layout.path(), "."]));
        let import = ["images", "import", "--all-platforms", "--no-unpack", "--base-name"];
        ctr(&[&import[..], &[&repository, &archive]].concat());
        std::fs::remove_file(&archive).unwrap();
        ctr(&["images", "push", "--plain-http", &remote]);
        stand.assert_holds(name, layout).await;

        // Nothing is left here: what is there after the pull came from the registry.
        ctr(&["images", "rm", "--sync", &remote]);
        assert_eq!(ctr(&["content", "ls", "--quiet"]), "");
        let pull = ["images", "pull", "--plain-http", "--all-platforms", "--snapshotter", "native"];
        ctr(&[&pull[..], &[&remote]].concat());
        let blobs = home.path("root/io.containerd.content.v1.content/blobs");
        assert_eq!(intact(&blobs, &layout.root), layout.digests());
        let images = ctr(&["images", "ls", &format!("name=={remote}")]);
        assert!(images.contains(layout.root.as_str()), "{images}");
        ctr(&["images", "rm", "--sync", &remote]);
    }
}
