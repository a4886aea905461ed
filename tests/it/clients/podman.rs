//! podman, with a store of its own.

use super::{Stage, stage};
use crate::rig::layout::{big, multi};

fn podman(stage: &Stage, arguments: &[&str]) -> String {
    let (root, runroot) = (stage.path("root"), stage.path("run"));
    let store = [
        "--root",
        root.to_str().unwrap(),
        "--runroot",
        runroot.to_str().unwrap(),
        "--storage-driver=vfs",
        "--cgroup-manager=cgroupfs",
        "--events-backend=none",
    ];
    stage.run("podman", &[&store[..], arguments].concat())
}

#[tokio::test]
async fn podman_pushes_and_pulls() {
    let stage = stage().await;
    // Debian's podman wants a policy; this one takes everything.
    std::fs::create_dir_all(stage.path(".config/containers")).unwrap();
    std::fs::write(
        stage.path(".config/containers/policy.json"),
        r#"{"default":[{"type":"insecureAcceptAnything"}]}"#,
    )
    .unwrap();
    let layout = format!("oci:{}:1", big().path().display());
    let id = podman(&stage, &["pull", "-q", &layout]);
    let remote = stage.reference("podman/big:1");
    podman(&stage, &["push", "-q", "--tls-verify=false", &id, &format!("docker://{remote}")]);
    podman(&stage, &["rmi", "-a", "-f"]);
    assert_eq!(podman(&stage, &["pull", "-q", "--tls-verify=false", &remote]), id);
    let image = podman(&stage, &["image", "inspect", &id, "--format", "{{.Digest}}"]);
    assert_eq!(stage.digest("podman/big", "1").await, image);

    let list = stage.reference("podman/multi:1");
    podman(&stage, &["manifest", "create", "list"]);
    let layout = format!("oci:{}:1", multi().path().display());
    podman(&stage, &["manifest", "add", "--all", "list", &layout]);
    podman(
        &stage,
        &["manifest", "push", "--all", "--tls-verify=false", "list", &format!("docker://{list}")],
    );
    let index = stage.server.client().get("/v2/podman/multi/manifests/1").await.expect(200).json();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2, "{index}");
    podman(&stage, &["pull", "-q", "--tls-verify=false", "--platform=linux/arm64", &list]);
}
